/** Trims and selections where nearly all sizes are equal: exactly the first stay, wherever tiles and units cut the tensor. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { MergeOptions } from '../../src/index.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder, valuesOf } from './merge-folder.js';

/** Longer than a unit of work, and no whole number of tiles. */
const ELEMENTS = 1_100_001;

/** Changes of a zero base: `a` has some twice as large as the others, `b` only equal ones. */
const changeOfA = (i: number): number => (i % 1000 === 999 ? 2 : 1);
const changeOfB = (): number => 3;

/** Which elements of a change a share keeps: the larger ones, then the first of the others. */
function keptBy(density: number, change: (i: number) => number): (i: number) => boolean {
  const indices = Array.from({ length: ELEMENTS }, (_, i) => i);
  const larger = indices.filter((i) => change(i) === 2);
  let left = Math.floor(density * ELEMENTS) - larger.length;
  const kept = new Uint8Array(ELEMENTS);
  for (const i of larger) kept[i] = 1;
  for (const i of indices) if (kept[i] === 0 && left-- > 0) kept[i] = 1;
  return (i) => kept[i] === 1;
}

function writeModels(folder: string, dtype: string, models: Readonly<Record<string, (i: number) => number>>): void {
  for (const [name, valueAt] of Object.entries(models)) {
    const values = Float32Array.from({ length: ELEMENTS }, (_, i) => valueAt(i));
    writeModel(join(folder, name), [{ name: 'w', dtype, shape: [ELEMENTS], values }]);
  }
}

const TILE = 4096;
const OPTIONS: readonly MergeOptions[] = [{}, { tileElements: TILE, threads: 1 }];

it.each([
  // The last tie that stays is in the first unit, or in the second, or differs between the two.
  ['F32', 0.5, 0.3],
  ['BF16', 0.5, 0.3],
  ['F32', 0.99, 0.2],
  ['BF16', 0.99, 0.2],
  // Only one tie that stays is in its tile.
  ['F32', 0.5, (50 * TILE + 1.5) / ELEMENTS],
] as const)('%s, %d of one model and %d of the other', async (dtype, ofA, ofB) => {
  const folder = temporaryFolder();
  writeModels(folder, dtype, { base: () => 0, a: changeOfA, b: changeOfB });
  const models = `{model: a, parameters: {density: ${ofA}}}, {model: b, parameters: {density: ${ofB}}}`;
  const recipe = `merge_method: ties\nbase_model: base\nmodels: [${models}]\nparameters: {weight: 1}\n`;
  const [isOfA, isOfB] = [keptBy(ofA, changeOfA), keptBy(ofB, changeOfB)];
  for (const options of OPTIONS) {
    const values = valuesOf(await mergeFolder(folder, recipe, options), 'w');
    const off = values.findIndex((value, i) => {
      const kept = [...(isOfA(i) ? [changeOfA(i)] : []), ...(isOfB(i) ? [changeOfB()] : [])];
      // The mean of those that stay; all agree.
      return value !== kept.reduce((sum, change) => sum + change, 0) / Math.max(1, kept.length);
    });
    expect(off).toBe(-1);
  }
});

it.each([
  // Rescaled to the L1 norm of all of them, which is measured of what is kept.
  ['F32', 'ties', 'rescale: l1, density: 0.5', 0.5, ELEMENTS / Math.floor(0.5 * ELEMENTS)],
  ['F32', 'sce', 'select_topk: 0.3', 0.3, 1],
  ['BF16', 'sce', 'select_topk: 0.3', 0.3, 1],
] as const)('%s, equal changes of one model by %s with %s', async (dtype, method, settings, share, factor) => {
  const folder = temporaryFolder();
  writeModels(folder, dtype, { base: () => 0, a: () => 2, b: () => 0 });
  const recipe = `merge_method: ${method}\nbase_model: base\nmodels: [{model: a}, {model: b}]\nparameters: {${settings}${method === 'ties' ? ', weight: 1' : ''}}\n`;
  const kept = Math.floor(share * ELEMENTS);
  for (const options of OPTIONS) {
    const values = valuesOf(await mergeFolder(folder, recipe, options), 'w');
    const off = values.findIndex((value, i) => Math.abs(value - (i < kept ? 2 * factor : 0)) > 1e-5);
    expect(off).toBe(-1);
  }
});
