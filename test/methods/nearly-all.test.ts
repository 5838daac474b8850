/** Selections that keep nearly everything: the few that go are those that should. */
import { expect, it } from 'vitest';
import type { Settings } from '../../kernels/parameters.js';
import { driveMethod } from './drive-method.js';

/** Merges models with a base that is zero. */
function merge(method: string, models: readonly (readonly number[])[], own: Settings, more: Settings): number[] {
  const [first] = models;
  const [values] = driveMethod({
    method,
    tensors: [{ shape: [1, first!.length], base: first!.map(() => 0), models }],
    models: models.map(() => own),
    merge: more,
  });
  return [...values!];
}

it('SCE leaves out one of 2000 elements at a share of 0.9995', () => {
  // The least at place 700.
  const changes = Array.from({ length: 2000 }, (_, i) => 1 + ((i + 1300) % 2000) / 1024);
  const merged = merge('sce', [changes, changes.map(() => 0)], {}, { select_topk: 0.9995 });
  expect(merged).toEqual(changes.map((value, i) => (i === 700 ? 0 : value)));
});

it('DELLA cuts ε to what is left above a high density', () => {
  const changes = Array.from({ length: 4096 }, (_, i) => 1 + ((i * 1001) % 4096) / 4096);
  const keep = (epsilon: number) =>
    merge('della_linear', [changes], { weight: 1, density: 0.75, epsilon }, { rescale: 'none' });
  const kept = keep(0.6);
  expect(kept).toEqual(keep(0.25));
  // The probability to stay grows from 1/2 to 1 with the size: the smallest half stays for 5/8, six sigma are 0.064.
  const small = changes.flatMap((value, i) => (value < 1.5 ? [kept[i]!] : []));
  expect(small).toHaveLength(2048);
  expect(Math.abs(small.filter((value) => value !== 0).length / small.length - 0.625)).toBeLessThan(0.065);
});

/** Elements that the papers' code keeps: those from the ⌊rate·n⌋-th smallest on, of which the rate is what they are given. */
it.each([
  // Rate of the mask as the papers write it, density of the recipe, elements, ⌊rate·n⌋.
  ['0.1', 0.9, 1000, 100],
  ['0.2', 0.8, 1000, 200],
  ['0.2', 0.8, 10, 2],
  ['0.1', 0.9, 20, 2],
  ['0.8', 0.2, 10, 8],
  ['0.7', 0.3, 10, 7],
  ['0.9', 0.1, 50, 45],
])('TIES of the papers with a mask rate of %s', (_, density, elements, place) => {
  const changes = Array.from({ length: elements }, (_unused, i) => 1 + ((i * 7) % elements) / 1024);
  const [values] = driveMethod({
    method: 'ties',
    tensors: [{ shape: [elements], base: changes.map(() => 0), models: [changes] }],
    models: [{ weight: 1, density }],
    preset: 'm2rl',
  });
  const threshold = changes.toSorted((a, b) => a - b)[place - 1]!;
  expect([...values!]).toEqual(changes.map((change) => (change >= threshold ? change : 0)));
});
