/** Models cut down to what they have in common, for what compares them and need not put together a whole one. */
import type { Checkpoint, TensorLocation } from '../checkpoint/checkpoint.js';
import { isMergeable } from '../checkpoint/dtype.js';
import { hasTokenRows, isHead } from '../checkpoint/tensor-roles.js';
import type { RecipeCheckpoints } from './build.js';
import { refuseQuantized } from './quantized-inputs.js';
import type { NamedCheckpoint } from './tensors.js';
import { tiedEmbedding } from './tied-head.js';

/**
 * Without the tensors that some model lacks, or has in another shape or kind of dtype, so that they cannot be compared. A
 * head stays where an embedding stands for it, and rows of tokens may be more in one model than in another. Throws
 * `model-quantized`: packed numbers are told by tensors beside them, which may not be common.
 */
export function withCommonTensors(inputs: RecipeCheckpoints): RecipeCheckpoints {
  const { base, bases, models } = inputs;
  const all = [...(base === undefined ? [] : [base]), ...bases, ...models];
  for (const model of all) refuseQuantized(model);
  const checkpoints = [...new Set(all.map(({ checkpoint }) => checkpoint))];
  const names = new Set(checkpoints.flatMap(({ tensors }) => [...tensors.keys()]));
  const common = new Set([...names].filter((name) => isCommon(name, checkpoints)));
  // One model stays one object: who looks for the base among the models compares them so.
  const cut = new Map(
    checkpoints.map((checkpoint): [Checkpoint, Checkpoint] => {
      const tensors = new Map([...checkpoint.tensors].filter(([name]) => common.has(name)));
      return [checkpoint, { ...checkpoint, tensors }];
    }),
  );
  const asCut = ({ name, checkpoint }: NamedCheckpoint): NamedCheckpoint => ({
    name,
    checkpoint: cut.get(checkpoint)!,
  });
  return { ...inputs, base: base && asCut(base), bases: bases.map(asCut), models: models.map(asCut) };
}

function isCommon(name: string, models: readonly Checkpoint[]): boolean {
  const found = models.map((model) => model.tensors.get(name) ?? headOf(name, model));
  const [first, ...others] = found;
  return first !== undefined && others.every((other) => other !== undefined && isComparable(name, first, other));
}

/** What stands for a head that a model lacks. */
function headOf(name: string, model: Checkpoint): TensorLocation | undefined {
  return isHead(name) ? tiedEmbedding(name, model, [...model.tensors.keys()]) : undefined;
}

function isComparable(name: string, a: TensorLocation, b: TensorLocation): boolean {
  const areNumbers = isMergeable(a.dtype) && isMergeable(b.dtype);
  if (!areNumbers && a.dtype !== b.dtype) return false;
  const isSameLength = (axis: number): boolean => a.shape[axis] === b.shape[axis];
  if (a.shape.length !== b.shape.length) return false;
  const ofTokens = areNumbers && hasTokenRows(name);
  return a.shape.every((_, axis) => isSameLength(axis) || (axis === 0 && ofTokens));
}
