/** Elections of signs that nobody wins, or that few take part in: numbers worked by hand. */
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../kernels/parameters.js';
import { driveMethod } from './drive-method.js';
import { expectClose } from './expect-close.js';

/** Merges changes of a base that is zero. */
function merge(method: string, models: readonly (readonly number[])[], more: Settings): number[] {
  const [first] = models;
  const [values] = driveMethod({
    method,
    tensors: [{ shape: [first!.length], base: first!.map(() => 0), models }],
    models: models.map(() => ({ weight: 1, density: 1 })),
    merge: more,
  });
  return [...values!];
}

describe('where the sum is exactly zero', () => {
  const changes = [
    [2, -3, 5],
    [-2, 3, 5],
  ];

  it('positive: plus is elected', () => {
    expect(merge('ties', changes, { zero_sign: 'positive' })).toEqual([2, 3, 5]);
  });

  it('none: nobody is elected', () => {
    expect(merge('ties', changes, { zero_sign: 'none' })).toEqual([0, 0, 5]);
  });

  it('majority: plus or minus, whichever most other sums have', () => {
    expect(merge('ties', changes, { zero_sign: 'majority' })).toEqual([2, 3, 5]);
    const turned = changes.map((change) => change.map((value) => -value));
    expect(merge('ties', turned, { zero_sign: 'majority' })).toEqual([-2, -3, -5]);
  });

  it('majority: nobody, where as many sums are above zero as below', () => {
    const balanced = [
      [2, 7, -7],
      [-2, 0, 0],
    ];
    expect(merge('ties', balanced, { zero_sign: 'majority' })).toEqual([0, 7, -7]);
  });
});

describe('SCE', () => {
  // Mean squares 9 and 1, so that the weights are 0.9 and 0.1.
  const changes = [
    [6, 0, 0, 0],
    [0, 2, 0, 0],
  ];

  it('divides by the weights of those that agree', () => {
    expectClose(merge('sce', changes, { least_energy: 0 }), [6, 2, 0, 0]);
  });

  it('divides by no less than least_energy, which one of the weights is below', () => {
    // 0.9 · 6 / 0.9, and 0.1 · 2 / 0.5.
    expectClose(merge('sce', changes, { least_energy: 0.5 }), [6, 0.4, 0, 0]);
  });
});
