/** Whether ONNX Runtime has to be told to multiply integers exactly. */
import { readFileSync } from 'node:fs';

/**
 * x64 processors without VNNI add uint8 times int8 up in 16 bits, which can overflow. The runtime then takes uint8
 * weights where it is asked to; on processors with VNNI that would only be slower, by a third and more.
 *
 * @param cpuinfo text of /proc/cpuinfo; undefined where the system has none, and safe is better than fast
 */
export function needsExactProducts(architecture: string, cpuinfo: string | undefined): boolean {
  return architecture === 'x64' && !/^flags\s*:.*\b(?:avx512_vnni|avx_vnni)\b/m.test(cpuinfo ?? '');
}

/**
 * Session options: weights that are dequantised before their product are so when the graph is opened, not in every
 * inference; and what this machine's processor needs.
 */
export function productOptions(): { readonly extra: Record<string, string> } {
  const exact = needsExactProducts(process.arch, cpuinfoOrUndefined());
  return {
    extra: { 'session.disable_quant_qdq': '1', ...(exact ? { 'session.x64quantprecision': '1' } : {}) },
  };
}

function cpuinfoOrUndefined(): string | undefined {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return undefined;
  }
}
