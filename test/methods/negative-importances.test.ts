/** Arcee Fusion of changes so small that the divergences of many rows round to less than zero. */
import { expect, it } from 'vitest';
import { createReferenceKernels } from '../../kernels/reference/index.js';
import { createRandom } from '../support/random-models.js';
import { driveMethod } from './drive-method.js';

const [ROWS, COLUMNS] = [96, 8];
const ELEMENTS = ROWS * COLUMNS;
const { fround } = Math;

/** The divergence of each row, which has tests of its own. */
function divergencesOf(model: Float32Array, base: Float32Array): Float32Array {
  const kernels = createReferenceKernels();
  kernels.grow(kernels.heapStart + 65_536);
  const at = (place: number): number => kernels.heapStart + 4 * place;
  const place = (slot: number, values: Float32Array): void => {
    new Float32Array(kernels.memory.buffer, slot, values.length).set(values);
  };
  const [scratch, result] = [at(2 * ELEMENTS), at(2 * ELEMENTS + 2 * COLUMNS)];
  place(at(0), model);
  place(at(ELEMENTS), base);
  kernels.softmaxDivergence(at(0), at(ELEMENTS), COLUMNS, ROWS, scratch, result);
  return new Float32Array(kernels.memory.buffer, result, ROWS).slice();
}

it('finds quartiles below zero as sorting does', () => {
  const random = createRandom(3);
  const base = Float32Array.from({ length: ELEMENTS }, () => random() - 0.5);
  const model = base.map((value) => value + 2e-5 * (random() - 0.5));
  const changes = model.map((value, i) => value - base[i]!);
  // What the engine makes of base and change, and takes the divergence of.
  const sums = changes.map((change, i) => base[i]! + change);
  const divergences = divergencesOf(sums, base);
  const importances = changes.map((change, i) => Math.abs(change) * divergences[Math.floor(i / COLUMNS)]!);
  const sorted = importances.toSorted();
  const [lower, median, upper] = [0.25, 0.5, 0.75].map((share) => sorted[Math.floor(share * (ELEMENTS - 1))]!);
  expect(lower).toBeLessThan(0);
  expect(upper).toBeGreaterThan(0);
  const limit = fround(median! + fround(1.5 * fround(upper! - lower!)));
  const expected = sums.map((value, i) => (importances[i]! >= limit ? value : base[i]!));
  // Were the lower quartile taken for 0, more would stay.
  const kept = importances.filter((importance) => importance >= limit).length;
  expect(importances.filter((importance) => importance >= median! + 1.5 * upper!).length).toBeGreaterThan(kept);
  const [merged] = driveMethod({
    method: 'arcee_fusion',
    tensors: [{ shape: [ROWS, COLUMNS], base: [...base], models: [[...model]] }],
    models: [{}],
  });
  expect(kept).toBeGreaterThan(0);
  expect([...merged!]).toEqual([...expected]);
});
