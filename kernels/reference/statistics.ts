/** Statistics of magnitudes, added to counters and sums that the caller owns and zeroes. */
import { type Kernels, MAGNITUDE_BINS, REDUCTION_LANES } from '../abi.js';
import { F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';
import { isSet } from './sparsify.js';

type Statistics = 'histogramMagnitude' | 'histogramLowBits' | 'sumMagnitude' | 'sumMasked';

/** Bins of a histogram of the low 16 bits of one magnitude bin. */
const LOW_BINS = 65_536;

export function statistics(memory: ReferenceMemory): Pick<Kernels, Statistics> {
  return {
    histogramMagnitude(source, count, bins, inexactBins) {
      const from = memory.u32(source, count);
      const all = memory.u32(bins, MAGNITUDE_BINS);
      const inexact = memory.u32(inexactBins, MAGNITUDE_BINS);
      for (const bits of from) {
        const bin = (bits & F32.magnitude) >>> 16;
        all[bin]! += 1;
        if ((bits & 0xffff) !== 0) inexact[bin]! += 1;
      }
    },
    histogramLowBits(source, count, bin, bins) {
      const counters = memory.u32(bins, LOW_BINS);
      for (const bits of memory.u32(source, count)) {
        if ((bits & F32.magnitude) >>> 16 === bin) counters[bits & 0xffff]! += 1;
      }
    },
    sumMagnitude(source, count, lanes) {
      const from = memory.f32(source, count);
      const sums = memory.f64(lanes, REDUCTION_LANES);
      for (let i = 0; i < count; i++) sums[i % REDUCTION_LANES]! += Math.abs(from[i]!);
    },
    sumMasked(source, mask, count, before, after) {
      const from = memory.f32(source, count);
      const bits = memory.u8(mask, Math.ceil(count / 8));
      const [sums, kept] = [memory.f64(before, REDUCTION_LANES), memory.f64(after, REDUCTION_LANES)];
      for (let i = 0; i < count; i++) {
        const magnitude = Math.abs(from[i]!);
        sums[i % REDUCTION_LANES]! += magnitude;
        if (isSet(bits, i)) kept[i % REDUCTION_LANES]! += magnitude;
      }
    },
  };
}
