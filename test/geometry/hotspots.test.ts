/** Hot channels are the same however an architecture calls and stores the matrices of its MLPs. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const WIDTH = 6;
const CHANNELS = 40;
const EXPERTS = ['one', 'two', 'three'] as const;

/** Row after row of the matrix into the channels, and of that out of them; outputs are rows. */
interface Mlp {
  readonly into: readonly number[];
  readonly outOf: readonly number[];
}

/** Each expert changes all weights a little and those of its own channels much. */
function mlpOf(model: number): Mlp {
  const hot = (channel: number): number => (model > 0 && Math.floor(channel / 3) % 4 === model ? 8 : 1);
  const change = (channel: number, i: number): number => (model * hot(channel) * Math.sin(i * (model + 0.7))) / 256;
  const into = Array.from({ length: CHANNELS * WIDTH }, (_, i) => Math.cos(i) + change(Math.floor(i / WIDTH), i));
  const outOf = Array.from({ length: CHANNELS * WIDTH }, (_, i) => Math.cos(3 * i) + change(i % CHANNELS, i));
  return { into, outOf };
}

function transpose(values: readonly number[], rows: number, columns: number): number[] {
  return Array.from({ length: rows * columns }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}

type Written = readonly (readonly [name: string, shape: readonly number[], values: readonly number[]])[];

const linear =
  (into: string, outOf: string) =>
  (mlp: Mlp): Written => [
    [into, [CHANNELS, WIDTH], mlp.into],
    [outOf, [WIDTH, CHANNELS], mlp.outOf],
  ];

const inputsFirst =
  (into: string, outOf: string) =>
  (mlp: Mlp): Written => [
    [into, [WIDTH, CHANNELS], transpose(mlp.into, CHANNELS, WIDTH)],
    [outOf, [CHANNELS, WIDTH], transpose(mlp.outOf, WIDTH, CHANNELS)],
  ];

async function hotspotsOf(tensorsOf: (mlp: Mlp) => Written) {
  const folder = temporaryFolder();
  for (const [model, name] of ['base', ...EXPERTS].entries()) {
    const tensors = tensorsOf(mlpOf(model)).map(([tensor, shape, values]) => {
      return { name: tensor, dtype: 'F32' as const, shape, values };
    });
    writeModel(join(folder, name), tensors, {});
  }
  const models = EXPERTS.map((model) => ({ model, parameters: { weight: 1 } }));
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models });
  const { layers } = await library.geometry(library.parseRecipe(text, { file: 'group', folder }), { tileElements: 64 });
  return layers['0']!.hotspots;
}

const PLAIN = linear('model.layers.0.mlp.up_proj.weight', 'model.layers.0.mlp.down_proj.weight');

it.each([
  ['GPT-2', inputsFirst('h.0.mlp.c_fc.weight', 'h.0.mlp.c_proj.weight')],
  ['StarCoder 2', linear('model.layers.0.mlp.c_fc.weight', 'model.layers.0.mlp.c_proj.weight')],
  ['BERT', linear('encoder.layer.0.intermediate.dense.weight', 'encoder.layer.0.output.dense.weight')],
  ['OPT', linear('model.decoder.layers.0.fc1.weight', 'model.decoder.layers.0.fc2.weight')],
  [
    'T5',
    linear('encoder.block.0.layer.1.DenseReluDense.wi.weight', 'encoder.block.0.layer.1.DenseReluDense.wo.weight'),
  ],
])('%s', async (_, named) => {
  const [plain, other] = [await hotspotsOf(PLAIN), await hotspotsOf(named)];
  expect(plain!.channels).toBe(CHANNELS);
  // Each expert has hot channels of its own, so what is compared is no accident.
  expect(Object.values(plain!.jaccard)).toEqual([0, 0, 0]);
  expect(other!.channels).toBe(CHANNELS);
  expect(other!.jaccard).toEqual(plain!.jaccard);
  for (const expert of EXPERTS) {
    const [wanted, found] = [plain!.incoming_energy[expert]!, other!.incoming_energy[expert]!];
    expect(Math.abs(found / wanted - 1)).toBeLessThan(1e-6);
  }
});

it.each([
  ['a matrix alone', (mlp: Mlp): Written => PLAIN(mlp).slice(1)],
  [
    'matrices that do not fit',
    (mlp: Mlp): Written => [
      ['transformer.blocks.0.ffn.experts.mlp.w1', [CHANNELS, WIDTH], mlp.into],
      // As DBRX has it: outputs of all experts, one below the other.
      ['transformer.blocks.0.ffn.experts.mlp.w2', [CHANNELS, WIDTH], mlp.outOf],
    ],
  ],
])('there are none of %s', async (_, tensorsOf) => {
  expect(await hotspotsOf(tensorsOf)).toBeUndefined();
});

it('knows no hot channels of an expert whose energies are no numbers', async () => {
  const layer = linear('model.layers.0.mlp.up_proj.weight', 'model.layers.0.mlp.down_proj.weight');
  const ofThree = mlpOf(3).into[1];
  const broken = (mlp: Mlp): Written =>
    layer(mlp.into[1] === ofThree ? { ...mlp, into: [Number.NaN, ...mlp.into.slice(1)] } : mlp);
  const [found, healthy] = [await hotspotsOf(broken), await hotspotsOf(layer)];
  expect(found!.jaccard).toEqual({ ...healthy!.jaccard, 'one|three': null, 'two|three': null });
  // Channel 0, the broken one, is none of the others' hot ones.
  expect(found!.incoming_energy).toEqual({ ...healthy!.incoming_energy, three: null });
});
