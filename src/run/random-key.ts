/** Keys of the counter-based random numbers, from names alone: independent of order, threads and other models. */
import { hash } from 'node:crypto';

/**
 * Two u32 from the seed, a purpose, the model's reference in the recipe (for `mask`; for `rounding` those of all, else
 * nothing) and the tensor's name.
 */
export function randomKey(
  seed: number,
  purpose: 'mask' | 'rounding' | 'projection' | 'spectrum',
  model: string,
  tensor: string,
): readonly [number, number] {
  const digest = hash('sha256', JSON.stringify([seed, purpose, model, tensor]), 'buffer');
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}
