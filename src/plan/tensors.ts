/** Tensors of named checkpoints, and the dtypes they are read and written in. */
import type { Checkpoint, TensorLocation } from '../checkpoint/checkpoint.js';
import { isMergeable, type MergeableDtype, type OutputDtype } from '../checkpoint/dtype.js';
import { M2MergeError } from '../errors.js';

/** A checkpoint under the name the recipe gives it. */
export interface NamedCheckpoint {
  readonly name: string;
  readonly checkpoint: Checkpoint;
}

/** A tensor that can be merged: its dtype is one of the floating point dtypes that are read. */
export type MergeableLocation = TensorLocation & { readonly dtype: MergeableDtype };

/** A tensor's place in a checkpoint, checked to be of a dtype that is merged. */
export function mergeableLocation(tensor: string, location: TensorLocation, name: string): MergeableLocation {
  if (isMergeable(location.dtype)) return location as MergeableLocation;
  const facts = { tensor, model: name, dtype: location.dtype, expected: 'a floating point dtype as in the others' };
  throw new M2MergeError('dtype-unmergeable', facts);
}

/**
 * The dtype to write when the recipe names none: that of the inputs, f32 where they differ or are f64, bf16 for fp8,
 * which is read but not written.
 */
export function commonOutputDtype(dtypes: readonly MergeableDtype[]): OutputDtype {
  const writable = dtypes.map((dtype): OutputDtype => {
    if (dtype === 'F64') return 'F32';
    return dtype === 'F8_E4M3' || dtype === 'F8_E5M2' ? 'BF16' : dtype;
  });
  return writable.every((dtype) => dtype === writable[0]) ? writable[0]! : 'F32';
}
