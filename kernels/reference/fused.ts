/** Stages that follow each other on every element of every merge, in one pass. */
import type { Kernels } from '../abi.js';
import { isNonFinite } from './formats.js';
import type { ReferenceMemory } from './memory.js';

type Fused = 'differBf16' | 'filledBins';

const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

export function fused(memory: ReferenceMemory): Pick<Kernels, Fused> {
  return {
    differBf16(source, base, destination, count) {
      const stored = memory.u16(source, count);
      const [minus, to] = [memory.f32(base, count), memory.f32(destination, count)];
      let nonFinite = 0;
      for (let i = 0; i < count; i++) {
        bits[0] = stored[i]! * 65_536;
        to[i] = value[0]! - minus[i]!;
        if (isNonFinite(bits[0]!)) nonFinite++;
      }
      return nonFinite;
    },
    filledBins(bins, count, destination) {
      const counters = memory.u32(bins, count);
      const to = memory.u32(destination, count);
      let filled = 0;
      for (let bin = 0; bin < count; bin++) if (counters[bin] !== 0) to[filled++] = bin;
      return filled;
    },
  };
}
