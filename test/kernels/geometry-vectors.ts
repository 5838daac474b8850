/** Vectors for tests of geometry: task vectors as f32 and masks of who changed what. */
import fc from 'fast-check';
import { anyBits, asFloats } from './bits.js';
import type { Workspace } from './workspace.js';

export interface Vectors {
  readonly count: number;
  readonly vectors: readonly Float32Array[];
  readonly masks: Uint8Array;
}

/** Sparse changes with any bits among them, or small whole numbers, which cancel often. */
const sparseBits = fc.oneof(fc.constant(0), anyBits);
const smallBits = fc.integer({ min: -2, max: 2 }).map((value) => new Uint32Array(Float32Array.of(value).buffer)[0]!);

/** `operands` vectors of `count` elements, and masks with no bit beyond them, half of them 0. */
export function vectorsOf(operands: number, count: number): fc.Arbitrary<Vectors> {
  const list = fc.oneof(
    ...[sparseBits, smallBits].map((bits) => fc.array(bits, { minLength: count, maxLength: count })),
  );
  const mask = fc.oneof(fc.constant(0), fc.nat(2 ** operands - 1));
  return fc.record({
    count: fc.constant(count),
    vectors: fc.array(
      list.map((bits) => asFloats(Uint32Array.from(bits))),
      { minLength: operands, maxLength: operands },
    ),
    masks: fc.array(mask, { minLength: count, maxLength: count }).map((masks) => Uint8Array.from(masks)),
  });
}

export const anyVectors = (operands: fc.Arbitrary<number>): fc.Arbitrary<Vectors> =>
  fc.tuple(operands, fc.nat(70)).chain(([k, count]) => vectorsOf(k, count));

export function putVectors(space: Workspace, vectors: readonly Float32Array[]): number {
  // Neither scale nor weight may have any influence.
  return space.putOperands(vectors.map((values, k) => ({ slot: space.put(values), scale: 1e30 * k, weight: NaN })));
}
