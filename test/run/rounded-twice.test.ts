/** Stochastic rounding of a merge of what was rounded: each draws for itself, so that the mean stays where it is. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readModel, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { library } from './library.js';

const ELEMENTS = 16_384;
/** The step of bf16 above 1. */
const STEP = 2 ** -7;

it('half of a step, and half of that, are a quarter of the elements', async () => {
  const folder = temporaryFolder();
  for (const [name, value] of [['base', 1] as const, ['expert', 1 + STEP] as const]) {
    writeModel(join(folder, name), [
      { name: 'w', dtype: 'BF16', shape: [ELEMENTS], values: Array(ELEMENTS).fill(value) },
    ]);
  }
  const shareAbove = async (model: string, output: string): Promise<number> => {
    const text = `merge_method: linear\nmodels: [{model: base}, {model: ${model}}]\nparameters: {weight: 1}\nrounding: stochastic\n`;
    await library.merge(library.parseRecipe(text, { folder }), { output: join(folder, output) });
    const { values } = readModel(join(folder, output)).tensors.get('w')!;
    expect(values.every((value) => value === 1 || value === 1 + STEP)).toBe(true);
    return values.filter((value) => value > 1).length / ELEMENTS;
  };
  const fourSigma = (share: number): number => 4 * Math.sqrt((share * (1 - share)) / ELEMENTS);
  expect(Math.abs((await shareAbove('expert', 'once')) - 0.5)).toBeLessThan(fourSigma(0.5));
  expect(Math.abs((await shareAbove('once', 'twice')) - 0.25)).toBeLessThan(fourSigma(0.25));
});
