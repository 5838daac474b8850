/** A trim over the whole task vector, of models that have a part in some tensors only. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createRandom } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder, valuesOf } from './merge-folder.js';

const LAYERS = [0, 1];
const NAMES = LAYERS.flatMap((layer) => ['weight', 'bias'].map((kind) => `model.layers.${layer}.proj.${kind}`));
const LENGTH = { weight: 70, bias: 30 };

const lengthOf = (name: string): number => (name.endsWith('bias') ? LENGTH.bias : LENGTH.weight);

/** Changes of all tensors, no two of one magnitude; the base is 0 everywhere. */
function changesOf(seed: number): Map<string, number[]> {
  const random = createRandom(seed);
  return new Map(
    NAMES.map((name) => [name, Array.from({ length: lengthOf(name) }, () => Math.fround(random() - 0.5))]),
  );
}

const CHANGES = { a: changesOf(1), b: changesOf(2) };

function writeGroup(folder: string, namesOfB: readonly string[]): void {
  const write = (model: string, names: readonly string[], valuesFor: (name: string) => number[]): void => {
    const tensors = names.map((name) => ({ name, dtype: 'F32', shape: [lengthOf(name)], values: valuesFor(name) }));
    writeModel(join(folder, model), tensors, { config: { num_hidden_layers: LAYERS.length } });
  };
  write('base', NAMES, (name) => Array<number>(lengthOf(name)).fill(0));
  write('a', NAMES, (name) => CHANGES.a.get(name)!);
  write('b', namesOfB, (name) => CHANGES.b.get(name)!);
}

/** The `density` largest of some tensors' changes taken together, by tensor; all others are 0. */
function trimmed(changes: ReadonlyMap<string, number[]>, names: readonly string[], density: number) {
  const sizes = names.flatMap((name) => changes.get(name)!.map(Math.abs)).sort((x, y) => y - x);
  const least = sizes[Math.floor(density * sizes.length) - 1]!;
  return new Map(
    names.map((name) => [name, changes.get(name)!.map((value) => (Math.abs(value) >= least ? value : 0))]),
  );
}

it.each([0.2, 0.5, 0.9])('slices with an expert each keep %d of each expert', async (density) => {
  const folder = temporaryFolder();
  writeGroup(folder, NAMES);
  const slices = ['a', 'b'].map(
    (model, layer) =>
      `{sources: [{model: base, layer_range: [${layer}, ${layer + 1}]}, {model: ${model}, layer_range: [${layer}, ${layer + 1}]}]}`,
  );
  const merged = await mergeFolder(
    folder,
    `merge_method: ties\nbase_model: base\nslices: [${slices}]\nparameters: {weight: 1, density: ${density}, trim_scope: model}\n`,
  );
  for (const [layer, changes] of [CHANGES.a, CHANGES.b].entries()) {
    const names = NAMES.filter((name) => name.includes(`.${layer}.`));
    const expected = trimmed(changes, names, density);
    for (const name of names) expect([...valuesOf(merged, name)], name).toEqual(expected.get(name));
  }
});

it.each([0.2, 0.9])('an expert without biases keeps %d of the weights that it has', async (density) => {
  const folder = temporaryFolder();
  const weights = NAMES.filter((name) => name.endsWith('weight'));
  writeGroup(folder, weights);
  const models = ['a', 'b'].map((model) => `{model: ${model}, parameters: {weight: 1, density: ${density}}}`);
  const merged = await mergeFolder(
    folder,
    `merge_method: ties\nbase_model: base\nmodels: [${models}]\nparameters: {normalize: false, trim_scope: model}\n`,
  );
  const [ofA, ofB] = [trimmed(CHANGES.a, NAMES, density), trimmed(CHANGES.b, weights, density)];
  for (const name of NAMES) {
    const expected = ofA.get(name)!.map((x, i) => {
      const y = ofB.get(name)?.[i] ?? 0;
      return x * y < 0 ? (Math.fround(x + y) > 0 ? Math.max(x, y) : Math.min(x, y)) : Math.fround(x + y);
    });
    expect([...valuesOf(merged, name)], name).toEqual(expected);
  }
});
