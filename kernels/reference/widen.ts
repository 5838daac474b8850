/** Stored values to f32, by their bits, so that NaN keeps its payload. */
import type { Kernels } from '../abi.js';
import { F8_E4M3_TO_F32, F8_E5M2_TO_F32, F16_TO_F32, F32, isNonFinite } from './formats.js';
import type { ReferenceMemory } from './memory.js';

type Widening = 'widenBf16' | 'widenF16' | 'widenF32' | 'widenF64' | 'widenF8E4M3' | 'widenF8E5M2';

/** Writes the f32 bits of every source element and counts the non-finite ones. */
function widenThrough(source: Uint8Array | Uint16Array | Uint32Array, to: Uint32Array, bitsOf: (x: number) => number) {
  let nonFinite = 0;
  for (let i = 0; i < source.length; i++) {
    const bits = bitsOf(source[i]!);
    to[i] = bits;
    if (isNonFinite(bits)) nonFinite++;
  }
  return nonFinite;
}

function widenF64(source: Float64Array, values: Float32Array, bits: Uint32Array): number {
  let nonFinite = 0;
  for (let i = 0; i < source.length; i++) {
    const value = source[i]!;
    if (!Number.isFinite(value)) nonFinite++;
    // The payload of a converted NaN is the machine's choice, so one is written.
    if (Number.isNaN(value)) bits[i] = F32.nan;
    else values[i] = value;
  }
  return nonFinite;
}

export function wideners(memory: ReferenceMemory): Pick<Kernels, Widening> {
  return {
    widenBf16: (source, destination, count) =>
      widenThrough(memory.u16(source, count), memory.u32(destination, count), (stored) => stored << 16),
    widenF16: (source, destination, count) =>
      widenThrough(memory.u16(source, count), memory.u32(destination, count), (stored) => F16_TO_F32[stored]!),
    widenF32: (source, destination, count) =>
      widenThrough(memory.u32(source, count), memory.u32(destination, count), (stored) => stored),
    widenF64: (source, destination, count) =>
      widenF64(memory.f64(source, count), memory.f32(destination, count), memory.u32(destination, count)),
    widenF8E4M3: (source, destination, count) =>
      widenThrough(memory.u8(source, count), memory.u32(destination, count), (stored) => F8_E4M3_TO_F32[stored]!),
    widenF8E5M2: (source, destination, count) =>
      widenThrough(memory.u8(source, count), memory.u32(destination, count), (stored) => F8_E5M2_TO_F32[stored]!),
  };
}
