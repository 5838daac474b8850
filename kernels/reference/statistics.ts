/** Statistics of magnitudes, added to counters and sums that the caller owns and zeroes. */
import { type Kernels, MAGNITUDE_BINS, REDUCTION_LANES } from '../abi.js';
import { F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';
import { isSet } from './sparsify.js';

type Statistics = 'histogramMagnitude' | 'histogramLowBits' | 'sumMagnitude' | 'sumMasked';

/** Bins of a histogram of the low 16 bits of one magnitude bin. */
const LOW_BINS = 65_536;

/** Elements whose magnitudes are summed in f32, eight to a lane. */
const RUN = 64;

export function statistics(memory: ReferenceMemory): Pick<Kernels, Statistics> {
  return {
    histogramMagnitude(source, count, bins, inexactBins) {
      countMagnitudes(
        memory.u32(source, count),
        memory.u32(bins, MAGNITUDE_BINS),
        memory.u32(inexactBins, MAGNITUDE_BINS),
      );
    },
    histogramLowBits(source, count, bin, bins) {
      const counters = memory.u32(bins, LOW_BINS);
      for (const bits of memory.u32(source, count)) {
        if ((bits & F32.magnitude) >>> 16 === bin) counters[bits & 0xffff]! += 1;
      }
    },
    sumMagnitude(source, count, lanes) {
      addRuns(memory.f32(source, count), memory.f64(lanes, REDUCTION_LANES), () => true);
    },
    sumMasked(source, mask, count, before, after) {
      const from = memory.f32(source, count);
      const bits = memory.u8(mask, Math.ceil(count / 8));
      addRuns(from, memory.f64(before, REDUCTION_LANES), () => true);
      addRuns(from, memory.f64(after, REDUCTION_LANES), (i) => isSet(bits, i));
    },
  };
}

/** Counts f32, given by their bits, by the upper half of their magnitude. */
export function countMagnitudes(values: Uint32Array, all: Uint32Array, inexact: Uint32Array): void {
  for (const bits of values) {
    const bin = (bits & F32.magnitude) >>> 16;
    all[bin]! += 1;
    if ((bits & 0xffff) !== 0) inexact[bin]! += 1;
  }
}

/** Adds the magnitudes of the elements that count to f64 lanes, by way of an f32 sum for each lane of each run. */
export function addRuns(values: Float32Array, lanes: Float64Array, counts: (i: number) => boolean): void {
  for (let first = 0; first < values.length; first += RUN) {
    const sums = new Float32Array(REDUCTION_LANES);
    for (let i = first; i < Math.min(first + RUN, values.length); i++) {
      if (counts(i)) sums[i % REDUCTION_LANES]! += Math.abs(values[i]!);
    }
    for (const [lane, sum] of sums.entries()) lanes[lane]! += sum;
  }
}
