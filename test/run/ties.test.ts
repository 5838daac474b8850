/** TIES through whole merges, against the steps of the paper written down naively in float64. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder, valuesOf } from './merge-folder.js';

/** In name order: ties at a threshold span all of them. */
const LENGTHS = { a: 57, b: 1, c: 130, d: 64 };
const WEIGHTS = [1, 0.5, 2, 1];
const DENSITIES = [0.3, 0.55, 0.2, 0.9];

/** Values of a model by tensor. */
type Model = Readonly<Record<keyof typeof LENGTHS, readonly number[]>>;

interface Case {
  readonly scope: 'tensor' | 'model';
  readonly rule: 'exact' | 'threshold';
  readonly zeroSign: 'positive' | 'majority';
}

/** Task vectors, after trimming, of one scope (a tensor, or all of them one after the other). */
function trim(vector: readonly number[], density: number, rule: Case['rule']): number[] {
  const size = (i: number): number => Math.abs(vector[i]!);
  const ascending = vector.map((_, i) => i).sort((i, j) => size(i) - size(j) || j - i);
  if (rule === 'exact') {
    const kept = new Set(ascending.slice(vector.length - Math.floor(density * vector.length)));
    return vector.map((value, i) => (kept.has(i) ? value : 0));
  }
  const rank = Math.floor((1 - density) * vector.length);
  const threshold = rank === 0 ? 0 : size(ascending[rank - 1]!);
  return vector.map((value) => (Math.abs(value) >= threshold ? value : 0));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Elects and merges over all tensors at once; the result is added to the base by the caller. */
function elect(vectors: readonly (readonly number[])[], zeroSign: Case['zeroSign']): number[] {
  const at = (i: number): number[] => vectors.map((vector, model) => WEIGHTS[model]! * vector[i]!);
  const signs = vectors[0]!.map((_, i) => Math.sign(sum(at(i))));
  const fallback = zeroSign === 'positive' ? 1 : Math.sign(sum(signs));
  return signs.map((sign, i) => {
    const elected = sign === 0 ? fallback : sign;
    const agreeing = at(i).flatMap((value, model) =>
      value !== 0 && Math.sign(value) === elected ? [{ value, weight: WEIGHTS[model]! }] : [],
    );
    const values = agreeing.map(({ value }) => value);
    return agreeing.length === 0 ? 0 : sum(values) / sum(agreeing.map(({ weight }) => weight));
  });
}

/** The merged model, all tensors one after the other. */
function ties(base: Model, experts: readonly Model[], { scope, rule, zeroSign }: Case): number[] {
  const trimmed = experts.map((expert, i) => {
    const vectors = tensorNames.map((name) =>
      expert[name].map((value, element) => Math.fround(value - base[name][element]!)),
    );
    const scopes = scope === 'model' ? [vectors.flat()] : vectors;
    return scopes.flatMap((vector) => trim(vector, DENSITIES[i]!, rule));
  });
  const merged = elect(trimmed, zeroSign);
  return flatten(base).map((value, i) => value + merged[i]!);
}

const tensorNames = Object.keys(LENGTHS) as (keyof typeof LENGTHS)[];
const flatten = (model: Model): number[] => tensorNames.flatMap((name) => model[name]);

function createModel(draw: () => number): Model {
  const entries = Object.entries(LENGTHS).map(([name, length]) => [name, Array.from({ length }, draw)] as const);
  return Object.fromEntries(entries) as unknown as Model;
}

/**
 * `BF16`: multiples of 1/4 up to 1, so that magnitudes tie in masses and sums cancel exactly. `F32`: half of them like
 * that, the others with all their bits.
 */
function drawer(dtype: 'BF16' | 'F32', seed: number): () => number {
  const random = createRandom(seed);
  return () => {
    const step = Math.round(8 * random() - 4) / 4;
    return dtype === 'F32' && random() < 0.5 ? Math.fround(step + 0.2 * random()) : step;
  };
}

function writeModels(folder: string, dtype: string, models: Readonly<Record<string, Model>>): void {
  for (const [name, model] of Object.entries(models)) {
    const tensors = tensorNames.map((tensor) => ({
      name: tensor,
      dtype,
      shape: [LENGTHS[tensor]],
      values: model[tensor],
    }));
    writeModel(join(folder, name), tensors);
  }
}

for (const scope of ['tensor', 'model'] as const) {
  for (const rule of ['exact', 'threshold'] as const) {
    for (const zeroSign of ['positive', 'majority'] as const) {
      describe(`trimmed over the ${scope}, ${rule}, zero sums ${zeroSign}`, () => {
        it.each([
          ['F32', 1],
          ['BF16', 2],
          ['F32', 3],
          ['BF16', 3],
          ['BF16', 4],
        ] as const)('%s, %d models', async (dtype, models) => {
          const folder = temporaryFolder();
          const [base, ...experts] = Array.from({ length: models + 1 }, (_, i) =>
            createModel(drawer(dtype, 100 * models + i)),
          );
          const named = experts.map((expert, i) => [`expert-${i}`, expert] as const);
          writeModels(folder, dtype, { base: base!, ...Object.fromEntries(named) });
          const listed = experts.map(
            (_, i) => `{model: expert-${i}, parameters: {weight: ${WEIGHTS[i]}, density: ${DENSITIES[i]}}}`,
          );
          const recipe = `merge_method: ties
base_model: base
models: [${listed.join(', ')}]
parameters: {trim_scope: ${scope}, trim_rule: ${rule}, zero_sign: ${zeroSign}}
dtype: float32
`;
          const merged = await mergeFolder(folder, recipe);
          const values = tensorNames.flatMap((name) => valuesOf(merged, name));
          ties(base!, experts, { scope, rule, zeroSign }).forEach((expected, i) => {
            // The task vectors are those of f32, so decisions agree; sums and quotients are off by a few roundings.
            if (Math.abs(values[i]! - expected) > 1e-6) expect.fail(`element ${i}: ${values[i]}, expected ${expected}`);
          });
        });
      });
    }
  }
}

it('the majority of the model is that of the sums that are elected, rescaled where they are', async () => {
  const folder = temporaryFolder();
  const write = (name: string, ...values: number[]): void =>
    writeModel(join(folder, name), [{ name: 'w', dtype: 'F32', shape: [8], values }]);
  write('base', 0, 0, 0, 0, 0, 0, 0, 0);
  // Half of it stays, and counts twice.
  write('a', 2, 2, 2, 2, 2, 2, 2, 2);
  write('b', -3, -3, -3, -4, 0, 0, 0, 0);
  const merged = await mergeFolder(
    folder,
    `merge_method: ties
base_model: base
models: [{model: a, parameters: {density: 0.5}}, {model: b, parameters: {density: 1}}]
parameters: {weight: 1, rescale: l1, zero_sign: majority}
`,
  );
  // 4 − 3 is above zero three times, so that the fourth, 4 − 4, is too.
  expect([...valuesOf(merged, 'w')]).toEqual([4, 4, 4, 4, 0, 0, 0, 0]);
});
