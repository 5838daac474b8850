/** Which tensors the merged model has, and whether every model can give its part of each. */
import type { Checkpoint, TensorLocation } from '../checkpoint/checkpoint.js';
import { isMergeable, type MergeableDtype, type OutputDtype } from '../checkpoint/dtype.js';
import { compareUtf8 } from '../checkpoint/order.js';
import { M2MergeError } from '../errors.js';
import { type Warning, warning } from '../warnings.js';

/** A checkpoint under the name the recipe gives it. */
export interface NamedCheckpoint {
  readonly name: string;
  readonly checkpoint: Checkpoint;
}

/** Names of the donor's tensors in UTF-8 byte order: the tensors of the merged model. */
export function outputTensors(donor: NamedCheckpoint): string[] {
  return [...donor.checkpoint.tensors.keys()].sort(compareUtf8);
}

/** Checks that each model has all tensors of the donor, with the same shapes; warns of tensors the donor has not. */
export function checkTensors(donor: NamedCheckpoint, models: readonly NamedCheckpoint[]): Warning[] {
  const names = outputTensors(donor);
  const warnings: Warning[] = [];
  for (const model of models) {
    const missing = names.filter((name) => !model.checkpoint.tensors.has(name));
    if (missing[0] !== undefined) {
      const facts = { tensor: missing[0], model: model.name, presentIn: donor.name, count: missing.length };
      throw new M2MergeError('tensor-missing', facts);
    }
    for (const name of names) checkShape(name, donor, model);
    const extra = [...model.checkpoint.tensors.keys()].filter((name) => !donor.checkpoint.tensors.has(name));
    if (extra[0] !== undefined) {
      extra.sort(compareUtf8);
      warnings.push(warning('extra-tensor', { model: model.name, tensor: extra[0], count: extra.length }));
    }
  }
  return warnings;
}

function checkShape(tensor: string, donor: NamedCheckpoint, model: NamedCheckpoint): void {
  const expected = donor.checkpoint.tensors.get(tensor)!.shape;
  const { shape } = model.checkpoint.tensors.get(tensor)!;
  if (shape.length === expected.length && shape.every((length, axis) => length === expected[axis])) return;
  throw new M2MergeError('shape-mismatch', { tensor, model: model.name, shape, expected, expectedIn: donor.name });
}

/** A tensor that can be merged: its dtype is one of the floating point dtypes that are read. */
export type MergeableLocation = TensorLocation & { readonly dtype: MergeableDtype };

/** The tensor's place in a checkpoint that has it, checked to be of a dtype that is merged. */
export function mergeableLocation(tensor: string, { name, checkpoint }: NamedCheckpoint): MergeableLocation {
  const location = checkpoint.tensors.get(tensor)!;
  if (isMergeable(location.dtype)) return location as MergeableLocation;
  const facts = { tensor, model: name, dtype: location.dtype, expected: 'a floating point dtype as in the base' };
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
