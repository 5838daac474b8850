/** Conversions between stored values and f32, for bench/kernels.mjs. */

/** Bits of an f32 rounded to bf16. */
export const toBf16 = (bits) => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;

/** The cases by name, as bench/kernels.mjs has them. */
export function formatCases(count, key) {
  return {
    widenBf16: {
      run: (k, at) => k.widenBf16(at.halves, at.out, count),
      plain: ({ halves, outBits }) => {
        for (let i = 0; i < count; i++) outBits[i] = halves[i] << 16;
      },
    },
    widenF16: { run: (k, at) => k.widenF16(at.halves, at.out, count) },
    widenF32: {
      run: (k, at) => k.widenF32(at.weights, at.out, count),
      plain: ({ weights, out }) => {
        for (let i = 0; i < count; i++) out[i] = weights[i];
      },
    },
    widenF64: {
      run: (k, at) => k.widenF64(at.doubles, at.out, count),
      plain: ({ doubles, out }) => {
        for (let i = 0; i < count; i++) out[i] = doubles[i];
      },
    },
    widenF8E4M3: { run: (k, at) => k.widenF8E4M3(at.halves, at.out, count) },
    widenF8E5M2: { run: (k, at) => k.widenF8E5M2(at.halves, at.out, count) },
    narrowBf16: {
      run: (k, at) => k.narrowBf16(at.weights, at.out, count),
      plain: ({ weightBits, outHalves }) => {
        for (let i = 0; i < count; i++) outHalves[i] = toBf16(weightBits[i]);
      },
    },
    narrowF16: { run: (k, at) => k.narrowF16(at.weights, at.out, count) },
    narrowF32: {
      run: (k, at) => k.narrowF32(at.weights, at.out, count),
      plain: ({ weights, out }) => {
        for (let i = 0; i < count; i++) out[i] = weights[i];
      },
    },
    narrowBf16Stochastic: { run: (k, at) => k.narrowBf16Stochastic(at.weights, at.out, count, ...key, 0) },
    narrowF16Stochastic: { run: (k, at) => k.narrowF16Stochastic(at.weights, at.out, count, ...key, 0) },
  };
}
