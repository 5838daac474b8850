/** DoRA adapters, which rescale rows: against float64, and the same bytes wherever tiles and units cut the rows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { mergeFolder, valuesOf } from '../run/merge-folder.js';
import { adapted, writeAdapter } from '../support/adapters.js';
import { temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { decodeValues, type TensorToWrite, writeModel } from '../support/safetensors.js';

const RANK = 4;
const SCALE = 16 / RANK;

/** More than one unit, longer than what is read of a row at once, and small: rows are cut everywhere. */
const SHAPES: Readonly<Record<string, readonly [number, number]>> = {
  'model.layers.0.mlp.up_proj.weight': [1_501, 703],
  'model.layers.0.mlp.down_proj.weight': [3, 70_001],
  'model.layers.0.self_attn.q_proj.weight': [64, 48],
  'model.layers.0.self_attn.gate.weight': [9, 1],
};

const valuesIn = ({ dtype, bytes }: TensorToWrite): number[] => decodeValues(dtype, bytes!);

/** m · V / ‖V‖ for each row of V = W + scale·B·A, in float64. */
function expectedOf(weight: TensorToWrite, [a, b, magnitudes]: readonly TensorToWrite[]): Float64Array {
  const columns = weight.shape[1]!;
  const sum = adapted(valuesIn(weight), valuesIn(b!), valuesIn(a!), RANK, SCALE, true);
  const scales = valuesIn(magnitudes!).map((magnitude, row) => {
    const squares = sum.subarray(row * columns, (row + 1) * columns).map((value) => value * value);
    return magnitude / Math.sqrt(squares.reduce((total, square) => total + square, 0));
  });
  return sum.map((value, i) => scales[Math.floor(i / columns)]! * value);
}

describe('models with DoRA adapters', () => {
  const work = temporaryFolder();
  const base = Object.entries(SHAPES).map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.02));
  const factorsOf = (seed: number): TensorToWrite[][] =>
    Object.entries(SHAPES).map(([name, [rows, columns]], i) => {
      const module = `base_model.model.${name.replace(/\.weight$/, '')}`;
      return [
        randomTensor(`${module}.lora_A.weight`, [RANK, columns], seed + 3 * i, 0.02),
        randomTensor(`${module}.lora_B.weight`, [rows, RANK], seed + 3 * i + 1, 0.02),
        randomTensor(`${module}.lora_magnitude_vector${i === 0 ? '' : '.weight'}`, [rows], seed + 3 * i + 2, 1),
      ];
    });
  const adapters = { a: factorsOf(100), b: factorsOf(200) };

  beforeAll(() => {
    writeModel(join(work, 'base'), base);
    for (const [name, factors] of Object.entries(adapters)) {
      writeAdapter(join(work, `dora-${name}`), factors.flat(), { use_dora: true });
    }
  });

  const alone = (model: string) =>
    mergeFolder(work, `merge_method: linear\ndtype: float32\nmodels: [{model: ${model}, parameters: {weight: 1}}]\n`);

  it('have rows of the magnitudes that were trained', async () => {
    const merged = await alone('base+dora-a');
    base.forEach((weight, i) => {
      const expected = expectedOf(weight, adapters.a[i]!);
      const found = valuesOf(merged, weight.name);
      const worst = found.reduce((most, value, k) => {
        // Where an element's sum cancels, its roundings stay as large as its terms.
        const allowed = 2 ** -22 * Math.abs(expected[k]!) + 2 ** -24;
        return Math.max(most, Math.abs(value - expected[k]!) / allowed);
      }, 0);
      expect([weight.name, worst < 1]).toEqual([weight.name, true]);
    });
  });

  it('ties: the bytes of a merge of the dense models, whatever threads, tiles and kernels', async () => {
    for (const name of ['a', 'b']) {
      const { model } = await alone(`base+dora-${name}`);
      const tensors = [...model.tensors].map(([tensor, { shape, values }]) => {
        return { name: tensor, dtype: 'F32', shape, values };
      });
      writeModel(join(work, `dense-${name}`), tensors);
    }
    const ties = (a: string, b: string): string =>
      `merge_method: ties\nbase_model: base\nparameters: {weight: 1, density: 0.3}\nmodels: [{model: ${a}}, {model: ${b}}]\ndtype: bfloat16\n`;
    const bytesOf = ({ output }: { output: string }): Buffer => readFileSync(join(output, 'model.safetensors'));
    const expected = bytesOf(await mergeFolder(work, ties('dense-a', 'dense-b')));
    for (const options of [
      { threads: 1 },
      { threads: 3, tileElements: 64 * 11 },
      { tileElements: 1_048_576, kernels: 'reference' as const },
    ]) {
      const merged = await mergeFolder(work, ties('base+dora-a', '{model: base, lora: dora-b}'), options);
      expect(bytesOf(merged).equals(expected)).toBe(true);
    }
  });
});
