import { expect, it } from 'vitest';
import { needsExactProducts } from '../../../src/model/exact-products.ts';

it.each([
  ['x64', 'flags\t\t: fpu avx2 avx512f\n', true],
  ['x64', 'flags\t\t: fpu avx512f avx512_vnni sse\n', false],
  ['x64', 'flags\t\t: fpu avx2 avx_vnni\n', false],
  ['x64', 'model name\t: avx512_vnni\nflags\t\t: fpu avx2\n', true],
  ['x64', undefined, true],
  ['arm64', undefined, false],
])(
  'products of integers are asked to be exact only where they could overflow: %s, %j',
  (arch, cpuinfo, asked) => {
    expect(needsExactProducts(arch, cpuinfo)).toBe(asked);
  },
);
