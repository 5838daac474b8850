/** Models of packed numbers, with which nothing can be calculated. */
import { quantizationOf } from '../checkpoint/quantized.js';
import { M2MergeError } from '../errors.js';
import type { NamedCheckpoint } from './tensors.js';

/**
 * Throws `model-quantized`. With `onlyPassed`, packed whole numbers may be there: what only passes them on leaves them what
 * they are.
 */
export function refuseQuantized({ checkpoint, name }: NamedCheckpoint, onlyPassed = false): void {
  const found = quantizationOf(checkpoint);
  if (found === undefined || (found.packed && onlyPassed)) return;
  const { format, tensor, dtype } = found;
  throw new M2MergeError('model-quantized', { model: name, format, tensor, dtype });
}
