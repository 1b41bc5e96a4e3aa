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
 * Session options of this machine's processor. Weights that are dequantised first stay int8, for the runtime cannot read
 * them otherwise.
 */
export function productOptions(): { readonly extra?: Record<string, string> } {
  return needsExactProducts(process.arch, cpuinfoOrUndefined())
    ? { extra: { 'session.x64quantprecision': '1', 'session.disable_quant_qdq': '1' } }
    : {};
}

function cpuinfoOrUndefined(): string | undefined {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return undefined;
  }
}
