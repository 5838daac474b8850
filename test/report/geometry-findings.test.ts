import { describe, expect, it } from 'vitest';
import { findFindings, type MeasuredGeometry } from '../../src/geometry/findings.js';
import type { ExpertGeometry, MergeAccounting, PairGeometry } from '../../src/geometry/result.js';
import { sampleGeometry } from './sample-geometry.js';

interface Changes {
  readonly expert?: Partial<ExpertGeometry>;
  readonly second?: Partial<ExpertGeometry>;
  readonly pair?: Partial<PairGeometry>;
  readonly merge?: Partial<MergeAccounting>;
  readonly untouched?: Readonly<Record<string, readonly string[]>>;
}

const EXPERT: ExpertGeometry = {
  ...{ changed_fraction: 0.3, changed_fraction_relative: 0.3, changed_fraction_absolute: 0.2 },
  ...{ norm: 3, relative_norm: 0.004, max_abs: 1e-4, displacement_ratio: 1 },
  ...{ energy_top_1_percent: 0.2, energy_top_20_percent: 0.8, low_magnitude_lift: 1.4 },
  ...{ ulp_histogram: [0, 10, 45, 45], unique: 10, shared: 20 },
};
const PAIR: PairGeometry = {
  ...{ dot: 0, cosine: 0.02, sign_flip_z: 4, jaccard: 0.5, jaccard_null_independent: 0.2, jaccard_null_exponent: 0.4 },
  ...{
    jaccard_lift: 1.25,
    overlap: 5000,
    sign_conflict_on_overlap: 0.4,
    cosine_on_overlap: 0.03,
    distance: 5,
    norm_ratio: 1,
  },
};
/** Expert b with the length of expert a. */
const SAME = { norm: EXPERT.norm };
const EQUAL = { distance: 0, cosine: 1, jaccard: 1, norm_ratio: 1 };
const MERGE: MergeAccounting = {
  ...{
    updated_coordinates: 100,
    lost_to_rounding: 2,
    rounding_survival: 0.98,
    delta_norm: 3,
    delta_norm_after_rounding: 3,
  },
  ...{ retained_projection: {}, retained_projection_after_rounding: {}, direction_retention: {} },
  ...{ norm_ratio: 1, removed: {}, non_finite: 0 },
};

/** A merge of expert a that was to keep a share of all elements and removed so much of its energy. */
const idle = (density: number, trimmed: number) => ({
  density: { a: density },
  removed: { a: { trimmed, outvoted: 0, cancelled: 0 } },
});

/** Two healthy experts of norms 3 and 4, orthogonal, with changes. */
function group({ expert, second, pair, merge, untouched = {} }: Changes = {}): MeasuredGeometry {
  const { findings, ...sample } = sampleGeometry({ layers: 1, hidden: 8, experts: ['a', 'b'], merged: false });
  expect(findings).toBeDefined();
  return {
    ...sample,
    global: {
      ...sample.global,
      experts: { a: { ...EXPERT, ...expert }, b: { ...EXPERT, norm: 4, ...second } },
      pairs: { 'a|b': { ...PAIR, ...pair } },
    },
    untouched: { a: [], b: [], ...untouched },
    merge_accounting: merge === undefined ? {} : { 'ties -> bfloat16': { ...MERGE, ...merge } },
  };
}

const codes = (changes: Changes): string[] => findFindings(group(changes)).map(({ code }) => code);
const ALWAYS = 'norm-preserving-scale';

describe('findings', () => {
  it('finds nothing wrong with healthy numbers; the scale is a note', () => {
    expect(codes({})).toEqual([ALWAYS]);
    expect(codes({ merge: {} })).toEqual([ALWAYS]);
  });

  it('finds nothing at all with a single healthy expert', () => {
    const { global, ...rest } = group();
    const { a } = global.experts;
    const alone = {
      ...rest,
      experts: ['a'],
      global: { ...global, experts: { a: a! }, pairs: {} },
      untouched: { a: [] },
    };
    expect(findFindings(alone)).toEqual([]);
  });

  it.each<[name: string, code: string, at: Changes, beyond: Changes]>([
    [
      'changed share 0.9',
      'not-rl-trained',
      { expert: { changed_fraction_relative: 0.9 } },
      { expert: { changed_fraction_relative: 0.9001 } },
    ],
    [
      'relative norm 0.05',
      'not-rl-trained',
      { expert: { relative_norm: 0.05 } },
      { expert: { relative_norm: 0.0501 } },
    ],
    ['relative norm 0.5', 'wrong-base', { expert: { relative_norm: 0.5 } }, { expert: { relative_norm: 0.501 } }],
    [
      'survival 0.9',
      'rounding-survival',
      { merge: { rounding_survival: 0.9 } },
      { merge: { rounding_survival: 0.899 } },
    ],
    [
      'a density at the changed share',
      'idle-trimming',
      { expert: { changed_fraction: 0.3 }, merge: idle(0.3, 0) },
      { expert: { changed_fraction: 0.3 }, merge: idle(0.301, 0) },
    ],
    [
      'trimming that removes a thousandth',
      'idle-trimming',
      { expert: { changed_fraction: 0.3 }, merge: idle(0.5, 0.001) },
      { expert: { changed_fraction: 0.3 }, merge: idle(0.5, 0.0009) },
    ],
    [
      'no density below 1',
      'idle-trimming',
      { expert: { changed_fraction: 0.3 }, merge: idle(1, 0) },
      { expert: { changed_fraction: 0.3 }, merge: idle(0.999, 0) },
    ],
    ['norm ratio 1.5', 'over-scaled-merge', { merge: { norm_ratio: 1.5 } }, { merge: { norm_ratio: 1.501 } }],
    ['cosine 0.5', 'aligned-pairs', { pair: { cosine: 0.5 } }, { pair: { cosine: 0.501 } }],
    ['cosine -0.5', 'opposed-pairs', { pair: { cosine: -0.5 } }, { pair: { cosine: -0.501 } }],
    [
      'sign conflict 0.45',
      'coin-flip-election',
      { pair: { sign_conflict_on_overlap: 0.45, jaccard_lift: 1.05 } },
      { pair: { sign_conflict_on_overlap: 0.4501, jaccard_lift: 1.05 } },
    ],
    [
      'sign conflict 0.55, of pairs that oppose each other',
      'coin-flip-election',
      { pair: { sign_conflict_on_overlap: 0.55, jaccard_lift: 1.05 } },
      { pair: { sign_conflict_on_overlap: 0.5499, jaccard_lift: 1.05 } },
    ],
    [
      'pairs that are told to be aligned or opposed',
      'coin-flip-election',
      { pair: { sign_conflict_on_overlap: 0.5, jaccard_lift: 1, cosine: 0.501 } },
      { pair: { sign_conflict_on_overlap: 0.5, jaccard_lift: 1, cosine: 0.5 } },
    ],
    [
      'lift 1.1',
      'coin-flip-election',
      { pair: { sign_conflict_on_overlap: 0.5, jaccard_lift: 1.1 } },
      { pair: { sign_conflict_on_overlap: 0.5, jaccard_lift: 1.0999 } },
    ],
    [
      'overlap of 1000 elements',
      'coin-flip-election',
      { pair: { sign_conflict_on_overlap: 0.5, jaccard_lift: 1, overlap: 999 } },
      { pair: { sign_conflict_on_overlap: 0.5, jaccard_lift: 1, overlap: 1000 } },
    ],
    [
      'half of the changes of one step',
      'one-ulp-changes',
      { expert: { ulp_histogram: [10, 40, 50] } },
      { expert: { ulp_histogram: [10, 41, 50] } },
    ],
    ['non-finite values written', 'non-finite-output', { merge: { non_finite: 0 } }, { merge: { non_finite: 1 } }],
    ['an expert equal to the base', 'unchanged-expert', {}, { expert: { changed_fraction: 0, norm: 0 } }],
    ['a norm that is not finite', 'non-finite-input', {}, { expert: { norm: Number.NaN } }],
    [
      'the same model twice',
      'identical-experts',
      // Rounding leaves nothing of what two huge updates differ by.
      { pair: { ...EQUAL, jaccard: 0.999 }, second: SAME },
      { pair: EQUAL, second: SAME },
    ],
    [
      'unequal lengths',
      'identical-experts',
      { pair: { ...EQUAL, norm_ratio: 1 + 2 ** -52 }, second: SAME },
      { pair: EQUAL, second: SAME },
    ],
    [
      'any other number',
      'identical-experts',
      { pair: EQUAL, second: { ...SAME, max_abs: EXPERT.max_abs * (1 + 2 ** -52) } },
      { pair: EQUAL, second: SAME },
    ],
    [
      'one tensor untouched by both',
      'untouched-tensors',
      { untouched: { a: ['x'], b: ['y'] } },
      { untouched: { a: ['x', 'z'], b: ['z', 'y'] } },
    ],
  ])('%s', (_, code, at, beyond) => {
    expect(codes(at)).not.toContain(code);
    expect(codes(beyond)).toContain(code);
  });

  it('names the base where it is the base that has NaN or infinite values, and their tensors', () => {
    const { findings: _, ...sample } = sampleGeometry({ layers: 2, experts: ['a', 'b'], merged: false });
    const [tensor, scope] = Object.entries(sample.tensors)[0]!;
    const base = { ...sample, global: { ...sample.global, base_norm: Number.NaN } };
    const broken = { ...base, tensors: { ...sample.tensors, [tensor]: { ...scope, base_norm: Number.NaN } } };
    const [found] = findFindings(broken);
    expect(found).toMatchObject({ code: 'non-finite-input', title: `${sample.base} has NaN or infinite values` });
    expect(found!.evidence).toBe(`in ${tensor}`);
  });

  it('takes float32 experts, of which all bits differ, by the relative tolerance', () => {
    expect(codes({ expert: { changed_fraction: 0.97, changed_fraction_relative: 0.4 } })).toEqual([ALWAYS]);
  });

  it('finds a common ancestor only where both updates are dense and nearly the same', () => {
    const dense = { changed_fraction: 0.97, changed_fraction_relative: 0.95 };
    const found = codes({ expert: dense, second: dense, pair: { cosine: 0.91 } });
    expect(found[0]).toBe('common-ancestor');
    expect(found).not.toContain('aligned-pairs');
    expect(codes({ expert: dense, pair: { cosine: 0.91 } })).toContain('aligned-pairs');
    expect(codes({ expert: dense, second: dense, pair: { cosine: 0.9 } })).not.toContain('common-ancestor');
  });

  it('computes the λ that keeps the norm: 3 and 4 at a right angle add up to 5, their mean is 3.5', () => {
    expect(findFindings(group())[0]).toMatchObject({ code: ALWAYS, title: expect.stringContaining('0.700') });
    // At cosine 1 the sum is 7 long.
    expect(findFindings(group({ pair: { dot: 12, cosine: 0.4 } }))[0]!.title).toContain('0.500');
    // Updates that cancel have no such λ.
    expect(codes({ second: { norm: 3 }, pair: { dot: -9, cosine: -0.4 } })).toEqual([]);
    // Nor have those of which hardly more than rounding is left: ‖Στ‖ is 0.0316 here, less than 1 % of 3.5.
    expect(codes({ pair: { dot: -12.4995, cosine: -0.4 } })).toEqual([]);
    expect(codes({ pair: { dot: -12.49, cosine: -0.4 } })).toEqual([ALWAYS]);
  });

  it('names the factor that brings an over-long merge back', () => {
    const [found] = findFindings(group({ merge: { norm_ratio: 2.5, delta_norm: 5, delta_norm_after_rounding: 5 } }));
    expect(found).toMatchObject({ code: 'over-scaled-merge', level: 'warning' });
    expect(found!.advice).toContain('0.400');
    // λ scales what comes before rounding: 2 times as long as an expert.
    const [rounded] = findFindings(group({ merge: { norm_ratio: 2.5, delta_norm: 4, delta_norm_after_rounding: 5 } }));
    expect(rounded!.advice).toContain('by 0.500');
  });

  it('asks for more digits, and for no less λ, where rounding alone makes a merge too long', () => {
    const [found] = findFindings(group({ merge: { norm_ratio: 2, delta_norm: 1, delta_norm_after_rounding: 3 } }));
    expect(found!.advice).toMatch(/^Write float32 .* 0\.667 times as long/);
    expect(found!.advice).not.toContain('Multiply');
  });

  it('does not count experts that changed nothing', () => {
    const unchanged = { changed_fraction: 0, norm: 0 };
    expect(codes({ second: unchanged })).toEqual(['unchanged-expert']);
    // The merge is twice as long as the mean of 3 and 0, but hardly longer than the one expert that was trained.
    expect(codes({ second: unchanged, merge: { norm_ratio: 2.01 } })).toEqual(['unchanged-expert']);
    const [found] = findFindings(group({ second: unchanged, merge: { norm_ratio: 4 } }));
    expect(found).toMatchObject({ code: 'over-scaled-merge', title: expect.stringContaining('2.00 times') });
    expect(found!.evidence).toContain('of the 1 of 2 experts that changed anything');
  });

  it('says whom a density did not trim', () => {
    const removed = { trimmed: 0, outvoted: 0, cancelled: 0 };
    const merge = { density: { a: 0.5, b: 0.5 }, removed: { a: removed, b: { ...removed, trimmed: 0.2 } } };
    const title = (changes: Changes) =>
      findFindings(group(changes)).find(({ code }) => code === 'idle-trimming')!.title;
    expect(title({ merge })).toMatch(/above the changed share of 1 of 2 experts, so trimming did nothing to them$/);
    expect(title({ merge: { ...merge, removed: { a: removed, b: removed } } })).toMatch(
      /above the changed share, so trimming did nothing$/,
    );
  });

  it('says nothing about the size of steps once a merge was measured', () => {
    const small = { expert: { ulp_histogram: [0, 90, 10] } };
    expect(codes(small)).toContain('one-ulp-changes');
    expect(codes({ ...small, merge: {} })).not.toContain('one-ulp-changes');
  });

  it('puts problems before warnings before notes, then sorts by code', () => {
    const found = findFindings(
      group({
        expert: { relative_norm: 1.4 },
        pair: { cosine: -0.6, sign_conflict_on_overlap: 0.5, jaccard_lift: 1 },
        merge: { rounding_survival: 0.5, non_finite: 3 },
        untouched: { a: ['model.norm.weight'], b: ['model.norm.weight'] },
      }),
    );
    expect(found.map(({ level, code }) => `${level} ${code}`)).toEqual([
      'problem non-finite-output',
      'problem wrong-base',
      'warning opposed-pairs',
      'warning rounding-survival',
      'note norm-preserving-scale',
      'note untouched-tensors',
    ]);
  });

  it('reports many pairs as one finding that counts the rest', () => {
    const experts = ['a', 'b', 'c', 'd'];
    const { findings: _, ...sample } = sampleGeometry({ layers: 1, experts, merged: false });
    const coin = { ...PAIR, sign_conflict_on_overlap: 0.5, jaccard_lift: 1 };
    const pairs = Object.fromEntries(Object.keys(sample.global.pairs).map((key) => [key, coin]));
    const found = findFindings({ ...sample, global: { ...sample.global, pairs } });
    const elections = found.filter(({ code }) => code === 'coin-flip-election');
    expect(elections).toHaveLength(1);
    expect(elections[0]!.title).toMatch(/^6 pairs/);
    expect(elections[0]!.evidence).toMatch(/and 2 more$/);
  });

  it('names untouched experts of a large mixture once, however many there are', () => {
    // Copying what was found for each further name would take minutes here.
    const names = Array.from({ length: 200_000 }, (_, i) => `model.layers.${i % 50}.mlp.experts.${i}.up_proj.weight`);
    const found = findFindings(group({ untouched: { a: names, b: names } }));
    const note = found.find(({ code }) => code === 'untouched-tensors');
    expect(note!.evidence).toBe('model.layers.*.mlp.experts.*.up_proj.weight (200000)');
  });

  it('names untouched tensors once for all layers', () => {
    const names = ['model.layers.0.norm.weight', 'model.layers.1.norm.weight', 'model.norm.weight'];
    const found = findFindings(group({ untouched: { a: names, b: names } }));
    const note = found.find(({ code }) => code === 'untouched-tensors');
    expect(note!.evidence).toBe('model.layers.*.norm.weight (2); model.norm.weight');
  });
});
