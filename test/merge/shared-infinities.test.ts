/**
 * Infinities that all models have, as masks of attention do in half precision: they stay, and all else comes out as if there
 * were an ordinary number in their place.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { randomTensor } from '../support/random-models.js';
import { readModel, type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const NAME = 'model.layers.0.mlp.up_proj.weight';
const SHAPE = [40, 65] as const;
/** Elements, and what all models have there. */
const SHARED = new Map([
  [0, -Infinity],
  [700, Infinity],
  [2_599, -Infinity],
]);
const EXPERTS = ['a', 'b', 'c'];

/** The values of a bf16 tensor. */
function valuesOf({ bytes }: TensorToWrite): number[] {
  const stored = new Uint16Array(Uint8Array.from(bytes!).buffer);
  return [...new Float32Array(Uint32Array.from(stored, (bits) => bits * 65_536).buffer)];
}

/** Writes the group with what `shared` says in all of its models. */
function write(folder: string, dtype: string, shared: (value: number) => number): void {
  const base = randomTensor(NAME, SHAPE, 1, 0.02);
  const group = [base, ...EXPERTS.map((_, i) => randomTensor(NAME, SHAPE, 10 + i, 1e-3, base))];
  for (const [i, model] of ['base', ...EXPERTS].entries()) {
    const values = valuesOf(group[i]!);
    for (const [element, value] of SHARED) values[element] = shared(value);
    writeModel(join(folder, model), [{ name: NAME, dtype, shape: [...SHAPE], values }], { config: {} });
  }
}

async function merged(folder: string, method: string, parameters: object): Promise<readonly number[]> {
  const models = EXPERTS.map((model) => ({ model, parameters: { weight: 0.5, density: 0.4 } }));
  const base = method === 'linear' ? {} : { base_model: 'base' };
  const recipe = { merge_method: method, ...base, models, parameters, seed: 7 };
  const output = join(folder, 'out');
  await library.merge(library.parseRecipe(JSON.stringify(recipe), { file: 'group', folder }), {
    output,
    overwrite: true,
  });
  return readModel(output).tensors.get(NAME)!.values;
}

const METHODS: Readonly<Record<string, object>> = {
  linear: {},
  task_arithmetic: { lambda: 0.7 },
  ties: {},
  dare_linear: {},
  dare_ties: {},
  breadcrumbs: {},
  breadcrumbs_ties: {},
  della: {},
  della_linear: {},
  sce: { select_topk: 0.4 },
  ram: {},
  ramplus_tl: {},
  consensus: {},
};

it.each(Object.keys(METHODS).flatMap((method) => ['BF16', 'F16', 'F32'].map((dtype) => [method, dtype] as const)))(
  'infinities that all models have stay: %s of %s',
  async (method, dtype) => {
    const [plain, infinite] = [temporaryFolder(), temporaryFolder()];
    write(plain, dtype, () => 0.5);
    write(infinite, dtype, (value) => value);
    const [expected, found] = [
      [...(await merged(plain, method, METHODS[method]!))],
      await merged(infinite, method, METHODS[method]!),
    ];
    for (const [element, value] of SHARED) expected[element] = value;
    expect(found.findIndex((value, i) => !Object.is(value, expected[i]))).toBe(-1);
  },
);

it.each([
  ['no two magnitudes alike', (i: number) => 1 + i / 64],
  ['ties at both cuts', (i: number) => 1 + Math.floor(i / 16) / 4],
])('an infinite outlier is dropped by breadcrumbs: %s', async (_, sizeAt) => {
  const folder = temporaryFolder();
  const zeros = Array<number>(64).fill(0);
  const values = zeros.map((_zero, i) => (i === 20 ? Infinity : sizeAt(i)));
  for (const [model, all] of [['base', zeros] as const, ['a', values] as const]) {
    writeModel(join(folder, model), [{ name: NAME, dtype: 'F32', shape: [64], values: all }], { config: {} });
  }
  const models = [{ model: 'a', parameters: { weight: 1, density: 0.5, gamma: 0.15 } }];
  const recipe = { merge_method: 'breadcrumbs', base_model: 'base', models };
  const output = join(folder, 'out');
  await library.merge(library.parseRecipe(JSON.stringify(recipe), { file: 'one', folder }), { output });
  const found = readModel(output).tensors.get(NAME)!.values;
  // The nine largest go, among them the infinity, and the next 32 stay.
  const order = values.map((_value, i) => i).sort((i, j) => values[j]! - values[i]! || i - j);
  const kept = new Set(order.slice(9, 9 + 32));
  expect([...found]).toEqual(values.map((value, i) => (kept.has(i) ? value : 0)));
});
