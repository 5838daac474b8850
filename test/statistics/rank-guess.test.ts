/** Thresholds by guesses, against sorting: of stored bf16, where the merge is the only one. */
import { describe, expect, it } from 'vitest';
import type { StatisticScope } from '../../kernels/statistic.js';
import { type RankCut, rankThreshold } from '../../kernels/statistics/rank-threshold.js';
import { untouched } from '../../kernels/view.js';
import { bf16Bits, createRandom } from '../support/random-models.js';
import { driveStatistic, type StoredTensor } from './drive-statistic.js';
import { applyCut, keptBySorting } from './rank-oracle.js';

/** Elements of a unit. Of a tensor: more than twice what a unit is probed by. */
const UNIT = { tensor: 70_000, model: 4_000 } as const;

type Random = () => number;
/** The pattern of an expert's value at an index of the tensor, given that of the base. */
type Change = (base: number, index: number, random: Random) => number;

const oneStep: Change = (base, _, random) => base + (random() < 0.5 ? 1 : -1);

const CHANGES = {
  'a tenth by one step': (base, index, random) => (random() < 0.1 ? oneStep(base, index, random) : base),
  'a third by one step': (base, index, random) => (random() < 0.33 ? oneStep(base, index, random) : base),
  'all by many steps': (base, _, random) => base + Math.floor(60 * (random() - 0.5)),
  // Of another exponent: no bf16.
  'all to other numbers': (_, __, random) => bf16Bits(Float32Array.of(0.3 * (random() - 0.5)))[0]!,
  nothing: (base) => base,
  // What the first elements of units and the first units show is not so of the others.
  'the second half': (base, index, random) =>
    index % UNIT.tensor > UNIT.tensor / 2 && index > UNIT.tensor ? oneStep(base, index, random) : base,
} satisfies Record<string, Change>;

function storedTensor(elements: number, seed: number, changes: readonly Change[]): StoredTensor {
  const random = createRandom(seed);
  const base = bf16Bits(Float32Array.from({ length: elements }, () => 0.05 * (random() + random() - 1)));
  return { base, operands: changes.map((change) => base.map((bits, index) => change(bits, index, random))) };
}

const widened = (bits: Uint16Array): Float32Array => new Float32Array(Uint32Array.from(bits, (x) => x * 65_536).buffer);

function differencesOf({ base, operands }: StoredTensor): Float32Array[] {
  const origins = widened(base);
  return operands.map((bits) => widened(bits).map((value, i) => value - origins[i]!));
}

interface Guessing {
  readonly stored: readonly StoredTensor[];
  readonly scope: StatisticScope;
  readonly share: number;
  readonly ties: 'first' | 'all';
  readonly tileElements?: number;
  readonly seed?: number;
}

/** Holds what is kept to what sorting keeps; returns what was asked for before each pass. */
function expectKept({ stored, scope, share, ties, tileElements = 50_000, seed = 1 }: Guessing) {
  const tensors = stored.map(differencesOf);
  const elements = tensors.reduce((sum, [first]) => sum + first!.length, 0);
  const keep = Math.floor(share * elements);
  const statistic = rankThreshold({ name: 'rank', scope, input: untouched, ties, cuts: [() => keep] });
  const random = createRandom(seed);
  const order = <T>(units: readonly T[]): readonly T[] => [...units].sort(() => random() - 0.5);
  const drive = { tensors, stored, unitElements: UNIT[scope], tileElements, order, alone: true };
  const { units, requests } = driveStatistic(statistic, drive);
  for (const operand of tensors[0]!.keys()) {
    const all = new Float32Array(elements);
    let begins = 0;
    for (const { [operand]: values } of tensors) {
      all.set(values!, begins);
      begins += values!.length;
    }
    const expected = keptBySorting(all, keep, ties);
    let at = 0;
    for (const { position, begin, end, valueForUnit } of units) {
      const values = tensors[position.tensor]![operand]!.subarray(begin, end);
      const kept = applyCut((valueForUnit as [RankCut[]])[0][operand]!, values);
      // Whether a zero is kept makes no difference.
      expect(kept.findIndex((value, i) => value !== expected[at + i])).toBe(-1);
      at += values.length;
    }
  }
  return requests.map((request) => (request as ReadonlyMap<number, object>).get(0)).map((request) => request ?? {});
}

const names = Object.keys(CHANGES) as (keyof typeof CHANGES)[];

describe.each(names)('%s changed', (name) => {
  const changes = [CHANGES[name], CHANGES['a third by one step']];
  const tensor = [storedTensor(2 * UNIT.tensor + 1234, 3, changes)];
  const model = [20_000, 40, 30_000, 7_001, 60_000].map((elements, i) => storedTensor(elements, 20 + i, changes));

  it.each([0.001, 0.05, 0.2, 0.4, 0.9, 0.999])('density %f of a tensor and of a model', (share) => {
    for (const ties of ['first', 'all'] as const) {
      expectKept({ stored: tensor, scope: 'tensor', share, ties });
      expectKept({ stored: model, scope: 'model', share, ties });
    }
  });
});

describe('passes', () => {
  const third = [storedTensor(2 * UNIT.tensor, 5, [CHANGES['a third by one step']])];
  const tenth = [1, 2, 3].map((seed) => storedTensor(40_000, seed, [CHANGES['a tenth by one step']]));

  it('is one where a tensor guesses right', () => {
    for (const share of [0.4, 0.6]) {
      const requests = expectKept({ stored: third, scope: 'tensor', share, ties: 'first' });
      expect(requests).toEqual([{ share: Math.floor(share * 2 * UNIT.tensor) / (2 * UNIT.tensor) }]);
    }
  });

  it('are a sixteenth and the rest of a model', () => {
    const requests = expectKept({ stored: tenth, scope: 'model', share: 0.3, ties: 'first' });
    // All that has changed is kept: the threshold is 0.
    expect(requests).toEqual([{ upperBits: true }, { around: { low: 0, high: 0 } }]);
  });

  it('are as many again over the units that guessed wrong', () => {
    const half = [storedTensor(2 * UNIT.tensor, 6, [CHANGES['the second half']])];
    const requests = expectKept({ stored: half, scope: 'tensor', share: 0.2, ties: 'first' });
    expect(requests).toEqual([{ share: 0.2 }, { upperBits: true }]);
  });

  it.each([512, 4096, 32_768, 70_000])('tiles of %i elements change nothing', (tileElements) => {
    const asked = { stored: third, scope: 'tensor', share: 0.25, ties: 'first' } as const;
    expect(expectKept({ ...asked, tileElements, seed: tileElements })).toEqual(expectKept(asked));
  });
});
