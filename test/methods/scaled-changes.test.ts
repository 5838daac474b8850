/** Factors of the merged change that are more than 1, or would divide by zero: numbers worked by hand. */
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../kernels/parameters.js';
import { driveMethod } from './drive-method.js';

const BASE = [1, 1, 1, 1];

/** Merges models that change a base of ones. */
function merge(method: string, changes: readonly (readonly number[])[], own: readonly Settings[], more: Settings) {
  const models = changes.map((change) => change.map((value, i) => BASE[i]! + value));
  const [values] = driveMethod({ method, tensors: [{ shape: [4], base: BASE, models }], models: own, merge: more });
  return [...values!];
}

it('a λ of 2 doubles what RAM merged', () => {
  const changes = [
    [4, 0, 2, 0],
    [0, -2, 4, 0],
  ];
  const merged = (lambda: number) => merge('ram', changes, [{}, {}], { lambda }).map((value) => value - 1);
  // One changer keeps its own, two have their mean.
  expect(merged(1)).toEqual([4, -2, 3, 0]);
  expect(merged(2)).toEqual([8, -4, 6, 0]);
});

describe('the norm-preserving λ', () => {
  const parameters = { lambda: 'norm_preserving' };

  it('is 1 where the changes cancel, so that the base stays', () => {
    const change = [4, 0, -2, 1];
    const opposite = change.map((value) => -value);
    expect(merge('task_arithmetic', [change, opposite], [{ weight: 1 }, { weight: 1 }], parameters)).toEqual(BASE);
  });

  it('takes a sum that is divided by the weights as it is after that', () => {
    // The sum of two equal changes is one of 3 + 5 times, or (divided) once their length, so that λ is 1/8 or 1.
    const change = [4, 0, -2, 1];
    const own = [{ weight: 3 }, { weight: 5 }];
    for (const normalize of [false, true]) {
      const merged = merge('task_arithmetic', [change, change], own, { ...parameters, normalize });
      merged.forEach((value, i) => {
        expect(value).toBeCloseTo(1 + change[i]!, 6);
      });
    }
  });
});

describe('rescaling by the density', () => {
  const change = [4, 0, -2, 8];

  it('multiplies by 1/density', () => {
    const merged = merge('ties', [change], [{ weight: 1, density: 0.5 }], { rescale: 'density', normalize: false });
    expect(merged).toEqual([9, 1, 1, 17]);
  });

  for (const method of ['ties', 'dare_linear', 'della_linear']) {
    it(`leaves the base where the density of ${method} is 0`, () => {
      expect(merge(method, [change], [{ weight: 1, density: 0 }], { rescale: 'density' })).toEqual(BASE);
    });
  }
});
