/** DARE's masks as they show in merged models: the base is zero, and each expert one power of two everywhere. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/cli.js';
import { createRandom } from '../support/random-models.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';
import { type Merged, mergeFolder, valuesOf } from './merge-folder.js';

/** The first tensor is longer than a unit of work; none is a whole number of vectors. */
const TENSORS = { 'layers.0.weight': 1_100_001, 'layers.1.weight': 100_003, norm: 40_007 };
const NAMES = Object.keys(TENSORS);
const EXPERTS = { a: 1, b: 2, c: 4 };

const folder = temporaryFolder();
const constant = (value: number, tensors: Record<string, number> = TENSORS): TensorToWrite[] =>
  Object.entries(tensors).map(([name, elements]) => ({
    name,
    dtype: 'F32',
    shape: [elements],
    bytes: new Uint8Array(new Float32Array(elements).fill(value).buffer),
  }));
writeModel(join(folder, 'base'), constant(0));
for (const [name, value] of Object.entries(EXPERTS)) writeModel(join(folder, name), constant(value));

interface Settings {
  readonly density: number;
  readonly rescale?: string;
  readonly seed?: number;
  readonly method?: string;
  readonly weight?: number;
}

function dare(models: readonly string[], settings: Settings): Promise<Merged> {
  const { density, rescale = 'none', seed = 0, method = 'dare_linear', weight = 1 } = settings;
  const listed = models.map((model) => `{model: ${model}, parameters: {weight: ${weight}, density: ${density}}}`);
  return mergeFolder(
    folder,
    `merge_method: ${method}\nbase_model: base\nmodels: [${listed.join(', ')}]\nparameters: {rescale: ${rescale}}\nseed: ${seed}\n`,
  );
}

/** Which elements of an expert were kept, read off the sum. */
const maskOf = (merged: Merged, tensor: string, expert: keyof typeof EXPERTS): boolean[] =>
  valuesOf(merged, tensor).map((value) => (value & EXPERTS[expert]) !== 0);

const count = (mask: readonly boolean[]): number => mask.reduce((total, kept) => total + Number(kept), 0);

/** Four standard deviations of the number of successes in `trials`. */
const fourSigma = (trials: number, probability: number): number =>
  4 * Math.sqrt(trials * probability * (1 - probability));

function expectShare(mask: readonly boolean[], probability: number): void {
  const expected = mask.length * probability;
  expect(Math.abs(count(mask) - expected)).toBeLessThanOrEqual(fourSigma(mask.length, probability));
}

describe('masks', () => {
  for (const density of [0.003, 0.3, 0.5, 0.97]) {
    it(`keep a share of ${density}, within four sigma, in every tensor and in each half of it`, async () => {
      const merged = await dare(['a'], { density });
      for (const tensor of NAMES) {
        const mask = maskOf(merged, tensor, 'a');
        expectShare(mask, density);
        expectShare(mask.slice(0, mask.length >> 1), density);
        expectShare(mask.slice(mask.length >> 1), density);
      }
    });
  }

  it('keep all at density 1 and nothing at 0', async () => {
    const [all, nothing] = [await dare(['a'], { density: 1 }), await dare(['a'], { density: 0 })];
    for (const tensor of NAMES) {
      expect(count(maskOf(all, tensor, 'a'))).toBe(valuesOf(all, tensor).length);
      expect(valuesOf(nothing, tensor).every((value) => value === 0)).toBe(true);
    }
  });

  it('of two experts are independent, and so are those of neighbours and of tensors', async () => {
    const density = 0.4;
    const merged = await dare(['a', 'b'], { density });
    for (const tensor of NAMES) {
      const [a, b] = [maskOf(merged, tensor, 'a'), maskOf(merged, tensor, 'b')];
      expectShare(
        a.map((kept, i) => kept && b[i]!),
        density ** 2,
      );
      for (const distance of [1, 4, 16, 64]) {
        const pairs = Math.floor(a.length / (2 * distance));
        const both = Array.from({ length: pairs }, (_, i) => a[2 * distance * i]! && a[2 * distance * i + distance]!);
        expectShare(both, density ** 2);
      }
    }
    const [first, second] = ['layers.0.weight', 'layers.1.weight'].map((tensor) => maskOf(merged, tensor, 'a'));
    expectShare(
      second!.map((kept, i) => kept && first![i]!),
      density ** 2,
    );
  });

  it('are the same whatever the order and whatever other models are there', async () => {
    const density = 0.3;
    const alone = await dare(['a'], { density });
    for (const models of [
      ['a', 'b'],
      ['b', 'a'],
      ['c', 'b', 'a'],
    ]) {
      const merged = await dare(models, { density });
      for (const tensor of NAMES) {
        expect(differences(maskOf(merged, tensor, 'a'), maskOf(alone, tensor, 'a'))).toBe(0);
      }
    }
  });

  it('depend on the seed', async () => {
    const density = 0.3;
    const [one, again, two] = await Promise.all([1, 1, 2].map((seed) => dare(['a'], { density, seed })));
    for (const tensor of NAMES) {
      const mask = maskOf(one!, tensor, 'a');
      expect(differences(mask, maskOf(again!, tensor, 'a'))).toBe(0);
      const other = maskOf(two!, tensor, 'a');
      expectShare(
        mask.map((kept, i) => kept && other[i]!),
        density ** 2,
      );
    }
  });

  it('nest: what a density keeps, every higher one keeps', async () => {
    const merges = [];
    for (const density of [0.1, 0.25, 0.251, 0.9]) merges.push(await dare(['a'], { density }));
    for (const tensor of NAMES) {
      const masks = merges.map((merged) => maskOf(merged, tensor, 'a'));
      for (let i = 1; i < masks.length; i++) {
        expect(masks[i - 1]!.every((kept, element) => !kept || masks[i]![element]!)).toBe(true);
        expect(count(masks[i]!)).toBeGreaterThan(count(masks[i - 1]!));
      }
    }
  });

  it('are those of dare_linear in dare_ties', async () => {
    const [linear, ties] = [
      await dare(['a'], { density: 0.6 }),
      await dare(['a'], { density: 0.6, method: 'dare_ties' }),
    ];
    for (const tensor of NAMES) expect(differences(maskOf(ties, tensor, 'a'), maskOf(linear, tensor, 'a'))).toBe(0);
  });
});

/** Elements in which two masks differ; much faster than comparing the arrays in an assertion. */
function differences(a: readonly boolean[], b: readonly boolean[]): number {
  return count(a.map((kept, i) => kept !== b[i]));
}

describe('rescaling', () => {
  const density = 0.3;
  const elements = { small: 30_001 };
  const random = createRandom(5);
  const changes = Float32Array.from({ length: elements.small }, () => random() ** 3 - 0.2);
  const own = temporaryFolder();
  writeModel(join(own, 'base'), constant(0, elements));
  writeModel(join(own, 'a'), [
    { name: 'small', dtype: 'F32', shape: [elements.small], bytes: new Uint8Array(changes.buffer) },
  ]);
  const rescaled = async (rescale: string): Promise<readonly number[]> => {
    const recipe = `merge_method: dare_linear
base_model: base
models: [{model: a, parameters: {weight: 0.5, density: ${density}}}]
parameters: {rescale: ${rescale}, lambda: 3}
`;
    return valuesOf(await mergeFolder(own, recipe), 'small');
  };
  const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + Math.abs(value), 0);

  const factors: Record<string, (kept: readonly number[]) => number> = {
    none: () => 1,
    density: () => 1 / density,
    l1: (kept) => sum(changes) / sum(kept),
  };
  for (const [rescale, factor] of Object.entries(factors)) {
    it(`${rescale}: what is kept is as large as float64 says`, async () => {
      const values = await rescaled(rescale);
      const kept = values.map((value, i) => (value === 0 ? 0 : changes[i]!));
      expectShare(
        kept.map((value) => value !== 0),
        density,
      );
      const scale = 3 * 0.5 * factor(kept);
      const worst = values.reduce((most, value, i) => {
        const expected = scale * kept[i]!;
        return expected === 0 ? most : Math.max(most, Math.abs(value / expected - 1));
      }, 0);
      // One rounding of the coefficient to f32 and one of the product.
      expect(worst).toBeLessThan(2 ** -23);
      if (rescale === 'l1') expect(sum(values) / (1.5 * sum(changes))).toBeCloseTo(1, 6);
    });
  }

  it('truth values mean l1 and none, as in mergekit', async () => {
    expect(await rescaled('true')).toEqual(await rescaled('l1'));
    expect(await rescaled('false')).toEqual(await rescaled('none'));
  });
});
