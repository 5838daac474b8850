/** Laws that hold whatever the numbers: who takes part, in which order, and what leaves a model as it is. */
import { describe, expect, it } from 'vitest';
import { METHODS } from '../../kernels/methods/registry.js';
import type { Settings } from '../../kernels/parameters.js';
import { driveMethod } from './drive-method.js';
import { type Sample, samples } from './samples.js';

const SEEDS = [1, 2, 3];
/** No signed sum of them is 0, where a direction would be lost. */
const WEIGHTS = [0.5, 0.3, 0.7, 1.1];

/** Settings that a method needs, or that make it do what it is for. */
const MERGE: Readonly<Record<string, Settings>> = { slerp: { t: 0.5 }, nearswap: { t: 0.001 } };
const OWN: Readonly<Record<string, Settings>> = {
  ties: { density: 0.4 },
  breadcrumbs: { density: 0.4, gamma: 0.1 },
  breadcrumbs_ties: { density: 0.4, gamma: 0.1 },
};

const countOf = (name: string): number => METHODS.find((method) => method.name === name)!.operandCount?.maximum ?? 4;

interface Run {
  readonly merge?: Settings;
  readonly own?: readonly Settings[];
  readonly tensors: readonly Sample[];
  readonly withoutBase?: boolean;
}

function run(method: string, { merge = {}, own, tensors, withoutBase = false }: Run): number[][] {
  const models = own ?? tensors[0]!.models.map((_, k) => ({ weight: WEIGHTS[k]!, ...OWN[method] }));
  const inputs = withoutBase ? tensors.map((tensor) => ({ ...tensor, base: undefined })) : tensors;
  const results = driveMethod({ method, tensors: inputs, models, merge: { ...MERGE[method], ...merge } });
  return results.map((values) => [...values]);
}

function expectClose(found: readonly number[][], expected: readonly number[][], tensors: readonly Sample[]) {
  found.forEach((values, t) => {
    const scale = Math.max(...tensors[t]!.base.map(Math.abs), ...expected[t]!.map(Math.abs));
    const off = values.findIndex((value, i) => !(Math.abs(value - expected[t]![i]!) <= 2e-6 * scale));
    expect([tensors[t]!.name, off]).toEqual([tensors[t]!.name, -1]);
  });
}

const named = (...left: string[]): string[] => METHODS.map(({ name }) => name).filter((name) => !left.includes(name));
const DRAWN = ['dare_linear', 'dare_ties', 'della', 'della_linear'];
const WEIGHED = METHODS.filter(({ parameters }) => parameters.some(({ name }) => name === 'weight')).map(
  ({ name }) => name,
);
const SCALED = METHODS.filter(({ parameters }) => parameters.some(({ name }) => name === 'lambda')).map(
  ({ name }) => name,
);

describe('the order of models makes no difference', () => {
  // Masks belong to a model of the recipe; those of one model have no order; nuslerp goes from the first to the second.
  const single = METHODS.filter(({ operandCount }) => operandCount?.maximum === 1).map(({ name }) => name);
  for (const method of named(...DRAWN, ...single, 'model_stock')) {
    it(method, () => {
      for (const seed of SEEDS) {
        const tensors = samples(countOf(method), 'F32', seed).filter(({ name }) => name !== 'opposite');
        const reversed = tensors.map((tensor) => ({ ...tensor, models: tensor.models.toReversed() }));
        const own = tensors[0]!.models.map((_, k) => ({ weight: WEIGHTS[k]!, ...OWN[method] }));
        expectClose(run(method, { tensors: reversed, own: own.toReversed() }), run(method, { tensors, own }), tensors);
      }
    });
  }
});

describe('λ = 0 gives the base', () => {
  for (const method of SCALED) {
    it(method, () => {
      const tensors = samples(4, 'F32', 5);
      const results = run(method, { tensors, merge: { lambda: 0 } });
      results.forEach((values, t) => {
        expect(values.map((x) => x + 0)).toEqual(tensors[t]!.base.map((x) => x + 0));
      });
    });
  }
});

describe('weight 0 drops a model', () => {
  for (const method of WEIGHED.filter((name) => name !== 'nuslerp')) {
    it(method, () => {
      for (const seed of SEEDS) {
        const tensors = samples(4, 'F32', seed);
        const fewer = tensors.map((tensor) => ({ ...tensor, models: tensor.models.slice(0, 3) }));
        const own = WEIGHTS.slice(0, 3).map((weight) => ({ weight, ...OWN[method] }));
        const dropped = [...own, { weight: 0, ...OWN[method] }];
        expectClose(run(method, { tensors, own: dropped }), run(method, { tensors: fewer, own }), tensors);
      }
    });
  }
});

describe('density 1 equals no sparsification', () => {
  const plain = { weight: 0.5, density: 1 };
  const pairs = { dare_linear: 'task_arithmetic', della_linear: 'task_arithmetic', breadcrumbs: 'task_arithmetic' };
  for (const [method, other] of Object.entries(pairs)) {
    it(`${method} is ${other}`, () => {
      const tensors = samples(4, 'F32', 6);
      const own = tensors[0]!.models.map(() => plain);
      expect(run(method, { tensors, own })).toEqual(run(other, { tensors, own }));
    });
  }
  for (const method of ['dare_ties', 'breadcrumbs_ties', 'della']) {
    it(`${method} is ties`, () => {
      const tensors = samples(4, 'F32', 7);
      const own = tensors[0]!.models.map(() => plain);
      const merge = { normalize: true };
      expect(run(method, { tensors, own, merge })).toEqual(run('ties', { tensors, own, merge }));
    });
  }
});

describe('equal models are a fixed point', () => {
  const same = (seed: number, count: number) =>
    samples(1, 'F32', seed, 1).map((tensor) => ({
      ...tensor,
      models: Array(count).fill(tensor.models[0]!) as number[][],
    }));
  const merge: Readonly<Record<string, Settings>> = {
    task_arithmetic: { normalize: true },
    slerp: { t: 1 },
    nearswap: { t: 1 },
  };
  for (const method of [
    'linear',
    'task_arithmetic',
    'ties',
    'sce',
    'ram',
    'model_stock',
    'slerp',
    'nuslerp',
    'multislerp',
    'karcher',
    'nearswap',
    'passthrough',
  ]) {
    it(method, () => {
      for (const seed of SEEDS) {
        const tensors = same(seed, countOf(method));
        const own = tensors[0]!.models.map((_, k) => ({ weight: WEIGHTS[k]!, density: 1, scale: 1 }));
        const results = run(method, { tensors, own, merge: merge[method] ?? {} });
        // A change up to 1e-5 counts as none in RAM.
        const expected = tensors.map(({ base, models: [model] }) =>
          model!.map((value, i) => (method === 'ram' && Math.abs(value - base[i]!) <= 1e-5 ? base[i]! : value)),
        );
        expectClose(results, expected, tensors);
      }
    });
  }
});

describe('DELLA', () => {
  it('keeps elements by their rank in the row, as often as it says', () => {
    const [rows, length, density, epsilon] = [4000, 9, 0.5, 0.3];
    const ranks = [4, 0, 8, 2, 6, 1, 7, 3, 5];
    const model = Array.from({ length: rows * length }, (_, i) => (1 + ranks[i % length]!) * (i % 2 === 0 ? 1 : -1));
    const tensor = { shape: [rows, length], base: model.map(() => 0), models: [model] };
    const own = [{ weight: 1, density, epsilon }];
    const [merged] = driveMethod({
      method: 'della_linear',
      tensors: [tensor],
      models: own,
      merge: { rescale: 'none' },
    });
    ranks.forEach((rank, column) => {
      const kept = Array.from({ length: rows }, (_, row) => merged![row * length + column] !== 0).filter(
        Boolean,
      ).length;
      const probability = density - epsilon + (2 * epsilon * rank) / (length - 1);
      // Six standard deviations.
      expect(Math.abs(kept / rows - probability)).toBeLessThan(6 * Math.sqrt((probability * (1 - probability)) / rows));
    });
  });

  it('keeps equal magnitudes equally often', () => {
    const [rows, density, epsilon] = [4000, 0.5, 0.3];
    const row = [0, 1, -1, 2, -1, 0, 1];
    const model = Array.from({ length: rows }, () => row).flat();
    const [merged] = driveMethod({
      method: 'della_linear',
      tensors: [{ shape: [rows, row.length], base: model.map(() => 0), models: [model] }],
      models: [{ weight: 1, density, epsilon }],
      merge: { rescale: 'none' },
    });
    // Zeros have the places 0 and 1, the four ones 2 to 5, the two 6.
    const probabilities = new Map(
      [1, 2].map((size) => [size, density - epsilon + 2 * epsilon * (size === 1 ? 3.5 / 6 : 1)]),
    );
    row.forEach((value, column) => {
      const probability = probabilities.get(Math.abs(value));
      if (probability === undefined) return;
      const kept = Array.from({ length: rows }, (_, i) => merged![i * row.length + column]).filter(
        (x) => x !== 0,
      ).length;
      expect(Math.abs(kept / rows - probability)).toBeLessThan(6 * Math.sqrt((probability * (1 - probability)) / rows));
    });
  });

  it('is DARE where all ranks are alike', () => {
    const tensors = samples(2, 'F32', 11);
    const own = [0.3, 0.8].map((density) => ({ weight: 1, density, epsilon: 0 }));
    expect(run('della_linear', { tensors, own })).toEqual(run('dare_linear', { tensors, own }));
    expect(run('della', { tensors, own })).toEqual(run('dare_ties', { tensors, own, merge: { normalize: true } }));
  });

  it('rescales to the L1 norm of the tensor', () => {
    const tensors = samples(1, 'F32', 9).slice(0, 3);
    const own = [{ weight: 1, density: 0.6 }];
    const l1 = (values: readonly number[]) => values.reduce((sum, value) => sum + Math.abs(value), 0);
    run('della_linear', { tensors, own }).forEach((values, t) => {
      const { base, models } = tensors[t]!;
      const before = l1(models[0]!.map((value, i) => value - base[i]!));
      expect(l1(values.map((value, i) => value - base[i]!)) / before).toBeCloseTo(1, 4);
    });
  });

  it('cuts ε where it does not fit', () => {
    const tensors = samples(1, 'F32', 10);
    const sparse = (epsilon: number) => run('della_linear', { tensors, own: [{ weight: 1, density: 0.1, epsilon }] });
    expect(sparse(0.5)).toEqual(sparse(0.1));
  });
});

describe('named methods are compositions', () => {
  const own = { density: 0.6, gamma: 0.05, epsilon: 0.2 };
  const front = { 'sparsify.density': 0.6, 'sparsify.gamma': 0.05, 'sparsify.epsilon': 0.2 };
  const compositions: readonly (readonly [string, string, string, Settings])[] = [
    ['dare_linear', 'task_arithmetic', 'dare', {}],
    ['dare_ties', 'ties', 'dare', { normalize: false }],
    ['breadcrumbs', 'task_arithmetic', 'breadcrumbs', {}],
    ['breadcrumbs_ties', 'ties', 'breadcrumbs', { normalize: false }],
    ['della_linear', 'task_arithmetic', 'della', {}],
    ['della', 'ties', 'della', {}],
    ['ties', 'ties', 'magnitude', {}],
  ];
  for (const [method, behind, sparsifier, merge] of compositions) {
    it(`${method} is ${sparsifier} in front of ${behind}`, () => {
      const tensors = samples(4, 'F32', 11);
      const weigh = (settings: Settings) => WEIGHTS.map((weight) => ({ weight, ...settings }));
      const composed = run(behind, {
        tensors,
        own: weigh({ density: 1, ...front }),
        merge: { ...merge, 'sparsify.method': sparsifier },
      });
      expectClose(composed, run(method, { tensors, own: weigh(own) }), tensors);
    });
  }

  it('in front of methods that mergekit does not thin: SCE sees what is left', () => {
    const tensors = samples(3, 'F32', 12);
    const keep = (values: readonly number[], base: readonly number[]) => {
      const changes = values.map((value, i) => Math.fround(value - base[i]!));
      const order = [...changes.keys()].sort((a, b) => Math.abs(changes[b]!) - Math.abs(changes[a]!) || a - b);
      const kept = new Set(order.slice(0, Math.floor(0.5 * values.length)));
      return values.map((value, i) => (kept.has(i) ? value : base[i]!));
    };
    const thinned = tensors.map((tensor) => ({
      ...tensor,
      models: tensor.models.map((model) => keep(model, tensor.base)),
    }));
    const own = [0, 1, 2].map(() => ({ 'sparsify.density': 0.5 }));
    const merge = { 'sparsify.method': 'magnitude', select_topk: 0.7 };
    expectClose(
      run('sce', { tensors, own, merge }),
      run('sce', { tensors: thinned, own: [{}, {}, {}], merge: { select_topk: 0.7 } }),
      tensors,
    );
  });
});
