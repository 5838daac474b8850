/** Methods of directions, where vectors are opposite, cancel, or have no length: numbers worked by hand. */
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../kernels/parameters.js';
import { driveMethod } from './drive-method.js';
import { expectClose } from './expect-close.js';

/** Merges single vectors; `weights` of the models are 1 unless given. */
function merge(method: string, models: readonly (readonly number[])[], more: Settings = {}, weights?: number[]) {
  return mergeOnto(undefined, method, models, more, weights);
}

function mergeOnto(
  base: readonly number[] | undefined,
  method: string,
  models: readonly (readonly number[])[],
  more: Settings = {},
  weights = models.map(() => 1),
): number[] {
  const own = weights.map((weight) => ({ weight }));
  const [values] = driveMethod({
    method,
    tensors: [{ shape: [models[0]!.length], base, models }],
    models: own,
    merge: more,
  });
  return [...values!];
}

describe('slerp', () => {
  it('goes on the line to a model that is opposite to the base, as no arc is the shortest', () => {
    expectClose(mergeOnto([2, 0], 'slerp', [[-2, 0]], { t: 0.25 }), [1, 0]);
  });
});

describe('nuslerp', () => {
  it('goes by the shares of the weights, also where all of them are negative', () => {
    // Three quarters of a right angle.
    const angle = (0.75 * Math.PI) / 2;
    const models = [
      [1, 0],
      [0, 1],
    ];
    for (const weights of [
      [1, 3],
      [-1, -3],
    ]) {
      expectClose(merge('nuslerp', models, {}, weights), [Math.cos(angle), Math.sin(angle)]);
    }
  });
});

describe('multislerp', () => {
  const models = [
    [1, 0],
    [-0.8, 0.6],
  ];
  const sum = [0.1, 0.3];

  it('adds up directions whose mean is shorter than eps', () => {
    expectClose(merge('multislerp', models, { eps: 0.5 }), sum);
  });

  it('adds up what cancels but for eps and rounding', () => {
    // Units as mergekit makes them differ from ±1 by eps / |x|.
    expectClose(merge('multislerp', [[0.05], [-0.7], [0.8], [-0.9]]), [-0.1875]);
  });

  it('takes a short mean for a direction where eps is less', () => {
    const length = Math.hypot(...sum);
    expectClose(
      merge('multislerp', models, { eps: 1e-8 }),
      sum.map((x) => x / length),
    );
  });
});

describe('karcher', () => {
  const NOTHING = [0, 0, 0];

  it('of models that are all zero is zero', () => {
    expect(merge('karcher', [NOTHING, NOTHING])).toEqual(NOTHING);
  });

  it('of models shorter than the tolerance, which have no direction, is zero', () => {
    const short = [1e-6, 0, 0];
    expect(merge('karcher', [short, short])).toEqual(NOTHING);
  });

  it('ends where steps only round, however many are allowed', () => {
    const models = [
      [1, 0.2, 0],
      [0, 1, 0.3],
      [0.4, 0, 1],
    ];
    const settled = merge('karcher', models, { max_iter: 1000, tol: 0 });
    expect(merge('karcher', models, { max_iter: 1e15, tol: 0 })).toEqual(settled);
    // At the centre the arcs to the models pull equally: Σ ∠ᵢ (vᵢ − cos ∠ᵢ c) / sin ∠ᵢ = 0.
    const unit = (v: readonly number[]) => v.map((x) => x / Math.hypot(...v));
    const centre = unit(settled);
    const pull = [0, 0, 0];
    for (const model of models.map(unit)) {
      const cosine = model.reduce((sum, x, i) => sum + x * centre[i]!, 0);
      const angle = Math.acos(cosine);
      for (let i = 0; i < 3; i++) pull[i]! += (angle * (model[i]! - cosine * centre[i]!)) / Math.sin(angle);
    }
    expect(Math.hypot(...pull)).toBeLessThan(1e-6);
  });

  it('counts a model of zeros in the mean length, not in the direction', () => {
    expectClose(merge('karcher', [[4, 0, 0], NOTHING, [0, 2, 0]]), [Math.SQRT2, Math.SQRT2, 0]);
  });
});

describe('model_stock', () => {
  it('stays at the base where changes cancel up to the rounding of f32', () => {
    const base = [0.3, -0.7, 1.1];
    const changes = [0.01, 0.02, -0.03];
    const models = [1, -1, 1, -1].map((sign) => base.map((x, i) => Math.fround(x + sign * changes[i]!)));
    for (const filter_wise of [false, true]) expectClose(mergeOnto(base, 'model_stock', models, { filter_wise }), base);
  });
});
