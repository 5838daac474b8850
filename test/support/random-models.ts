/** Models with random weights and small updates, made fast enough for tensors of several units. */

import type { TensorToWrite } from './safetensors.js';
import { encodeSmallFloat } from './small-floats.js';

/** A small generator (mulberry32), so that fixtures do not depend on the code under test. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The bf16 pattern of an f32, to nearest even; finite values only. */
export function bf16Bits(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(words.length);
  // A loop: `Uint16Array.from` takes an iterator's step for each of millions of values.
  for (let i = 0; i < words.length; i++) bits[i] = (words[i]! + 0x7fff + ((words[i]! >>> 16) & 1)) >>> 16;
  return bits;
}

/** bf16 tensor of `elements` values: `base` when given plus updates of size `scale`, else values of size `scale`. */
export function randomTensor(
  name: string,
  shape: readonly number[],
  seed: number,
  scale: number,
  base?: TensorToWrite,
): TensorToWrite {
  const elements = shape.reduce((product, length) => product * length, 1);
  const random = createRandom(seed);
  const start =
    base?.bytes === undefined ? undefined : new Uint16Array(base.bytes.buffer, base.bytes.byteOffset, elements);
  const values = new Float32Array(elements);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < elements; i++) {
    if (start !== undefined) words[i] = start[i]! * 65_536;
    // The sum of three uniforms is close enough to a normal here.
    values[i]! += scale * (random() + random() + random() - 1.5) * 2;
  }
  return { name, dtype: 'BF16', shape, bytes: new Uint8Array(bf16Bits(values).buffer) };
}

/** Values rounded to a 16-bit dtype by the test's own tables. */
export function rounded(dtype: 'BF16' | 'F16', values: readonly number[]): number[] {
  return values.map((value) => encodeSmallFloat(dtype, value));
}
