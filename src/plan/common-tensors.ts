/** Models cut down to what they have in common, for what compares them and need not put together a whole one. */
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { isHead } from '../checkpoint/tensor-roles.js';
import type { RecipeCheckpoints } from './build.js';
import type { NamedCheckpoint } from './tensors.js';

/** Without the tensors that some model lacks; a head stays, since an embedding may stand for it. */
export function withCommonTensors(inputs: RecipeCheckpoints): RecipeCheckpoints {
  const { base, bases, models } = inputs;
  const all = [...(base === undefined ? [] : [base]), ...bases, ...models].map(({ checkpoint }) => checkpoint);
  const isCommon = (name: string): boolean => isHead(name) || all.every(({ tensors }) => tensors.has(name));
  // One model stays one object: who looks for the base among the models compares them so.
  const cut = new Map(
    all.map((checkpoint): [Checkpoint, Checkpoint] => {
      const tensors = new Map([...checkpoint.tensors].filter(([name]) => isCommon(name)));
      return [checkpoint, { ...checkpoint, tensors }];
    }),
  );
  const asCut = ({ name, checkpoint }: NamedCheckpoint): NamedCheckpoint => ({
    name,
    checkpoint: cut.get(checkpoint)!,
  });
  return { ...inputs, base: base && asCut(base), bases: bases.map(asCut), models: models.map(asCut) };
}
