/** Every method against float64, over dtypes, shapes, numbers of models and all that degenerates. */
import { describe, expect, it } from 'vitest';
import { METHODS } from '../../kernels/methods/registry.js';
import type { Settings } from '../../kernels/parameters.js';
import { driveMethod } from './drive-method.js';
import { ORACLES } from './oracles.js';
import { DTYPES, type Sample, type SampleDtype, samples } from './samples.js';

interface Case {
  readonly method: string;
  readonly merge?: Settings;
  readonly preset?: 'm2rl';
  readonly withoutBase?: boolean;
  /** Opposite vectors are a pole of the formula, near which nothing can be computed; the result must be finite. */
  readonly hasPole?: boolean;
  /** Numbers of models; 1 to 8 unless given. */
  readonly counts?: readonly number[];
}

const PAIR = [2];
const ONE = [1];

/** By name of the oracle. */
const CASES: Readonly<Record<keyof typeof ORACLES, Case>> = {
  linear: { method: 'linear', withoutBase: true },
  task_arithmetic: { method: 'task_arithmetic', merge: { lambda: 0.7 } },
  ties: { method: 'ties' },
  breadcrumbs: { method: 'breadcrumbs' },
  breadcrumbs_ties: { method: 'breadcrumbs_ties' },
  'breadcrumbs, rescaled': { method: 'breadcrumbs', merge: { rescale: 'l1' } },
  ram: { method: 'ram' },
  'ram of bits': { method: 'ram', preset: 'm2rl' },
  ramplus_tl: { method: 'ramplus_tl' },
  consensus: { method: 'consensus' },
  'task_arithmetic, norm preserving': { method: 'task_arithmetic', merge: { lambda: 'norm_preserving' } },
  'task_arithmetic, LiNeS': {
    method: 'task_arithmetic',
    merge: { lambda: 'norm_preserving', lambda_increase: 0.4 },
  },
  model_stock: { method: 'model_stock', hasPole: true, counts: [2, 3, 4, 5, 6, 7, 8] },
  'model_stock by rows': { method: 'model_stock', merge: { filter_wise: true }, hasPole: true, counts: [2, 3, 8] },
  slerp: { method: 'slerp', merge: { t: 0.3 }, counts: ONE },
  nuslerp: { method: 'nuslerp', withoutBase: true, counts: PAIR },
  'nuslerp by rows': { method: 'nuslerp', withoutBase: true, merge: { nuslerp_flatten: false }, counts: PAIR },
  'nuslerp by columns': {
    method: 'nuslerp',
    withoutBase: true,
    merge: { nuslerp_flatten: false, nuslerp_row_wise: true },
    counts: PAIR,
  },
  'nuslerp of changes': { method: 'nuslerp', hasPole: true, counts: PAIR },
  multislerp: { method: 'multislerp', withoutBase: true },
  'multislerp of changes': { method: 'multislerp' },
  karcher: { method: 'karcher', withoutBase: true },
  nearswap: { method: 'nearswap', merge: { t: 0.002 }, counts: ONE },
  passthrough: { method: 'passthrough', withoutBase: true, counts: ONE },
};

const SCE: Readonly<Record<string, Settings>> = {
  'all elements': { select_topk: 1, selection_for: 'merge', least_energy: 0 },
  'half of those that vary': { select_topk: 0.5, selection_for: 'merge', least_energy: 1e-6 },
  'half, for the weights only': { select_topk: 0.5, selection_for: 'weights', least_energy: 0 },
};

const ownSettings = (count: number) =>
  Array.from({ length: count }, (_, k) => ({
    weight: 0.4 + 0.15 * k,
    density: 0.3 + 0.05 * k,
    gamma: 0.06,
    scale: 0.5,
  }));

function expectOracle(
  oracle: string,
  { method, merge = {}, preset, withoutBase, hasPole }: Case,
  tensors: readonly Sample[],
) {
  const own = ownSettings(tensors[0]!.models.length);
  const inputs = withoutBase ? tensors.map((tensor) => ({ ...tensor, base: undefined })) : tensors;
  const results = driveMethod({
    method,
    tensors: inputs,
    models: own,
    merge,
    ...(preset === undefined ? {} : { preset }),
  });
  tensors.forEach((tensor, t) => {
    if (hasPole && tensor.name === 'opposite') {
      expect(results[t]!.every(Number.isFinite)).toBe(true);
      return;
    }
    const exact = ORACLES[oracle]!({ ...tensor, own, merge, all: tensors });
    const change = Math.max(...exact.map((value, i) => Math.abs(value - tensor.base[i]!)));
    exact.forEach((value, i) => {
      const error = Math.abs(results[t]![i]! - value);
      if (!(error <= 2e-6 * (Math.abs(value) + Math.abs(tensor.base[i]!) + change)))
        expect.fail(`${tensor.name}[${i}] of ${tensor.models.length}: ${results[t]![i]}, expected ${value}`);
    });
  });
}

for (const [oracle, entry] of Object.entries(CASES)) {
  describe(oracle, () => {
    for (const count of entry.counts ?? [1, 2, 3, 4, 5, 6, 7, 8]) {
      it(`${count} of f32`, () => expectOracle(oracle, entry, samples(count, 'F32', count)));
    }
    for (const dtype of DTYPES.filter((one): one is Exclude<SampleDtype, 'F32'> => one !== 'F32')) {
      it(dtype, () => expectOracle(oracle, entry, samples(entry.counts?.at(-1) ?? 4, dtype, 20)));
    }
  });
}

describe('sce', () => {
  for (const [title, merge] of Object.entries(SCE)) {
    for (const count of [1, 2, 3, 5, 8]) {
      it(`${title}, ${count} models`, () => {
        for (const dtype of DTYPES) expectOracle('sce', { method: 'sce', merge }, samples(count, dtype, 30 + count));
      });
    }
  }

  it('weighs alike where the changes are as small as those of RL', () => {
    const merge = { select_topk: 1, selection_for: 'merge', least_energy: 1e-6 };
    expectOracle('sce', { method: 'sce', merge }, samples(4, 'F32', 50, 1e-4));
  });
});

it('has an oracle for every method but those that draw masks or have tests of their own', () => {
  const elsewhere = ['dare_linear', 'dare_ties', 'della', 'della_linear', 'arcee_fusion', 'tsv', 'resmerge'];
  const covered = new Set([...Object.values(CASES).map(({ method }) => method), 'sce', ...elsewhere]);
  expect([...covered].sort()).toEqual(METHODS.map(({ name }) => name).sort());
});
