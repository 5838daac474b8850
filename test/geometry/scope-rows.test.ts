/** Tensors as rows of numbers: what comes out is what went in, whatever it holds. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expertPairs } from '../../src/geometry/expert-pairs.js';
import { type ScopeGeometry, ULP_CLASSES } from '../../src/geometry/result.js';
import { ScopeRows } from '../../src/geometry/scope-rows.js';

const number = fc.oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity)).filter((value) => value !== -Infinity);
const nullable = fc.option(fc.double({ noDefaultInfinity: true, noNaN: true }));

const expert = fc.record({
  changed_fraction: number,
  changed_fraction_relative: number,
  changed_fraction_absolute: number,
  norm: number,
  relative_norm: nullable,
  max_abs: number,
  displacement_ratio: nullable,
  energy_top_1_percent: nullable,
  energy_top_20_percent: nullable,
  low_magnitude_lift: nullable,
  ulp_histogram: fc.array(fc.nat(), { minLength: ULP_CLASSES, maxLength: ULP_CLASSES }),
  unique: fc.nat(),
  shared: fc.nat(),
});

const pair = fc.record({
  dot: number,
  cosine: nullable,
  sign_flip_z: nullable,
  jaccard: nullable,
  jaccard_null_independent: nullable,
  jaccard_null_exponent: nullable,
  jaccard_lift: nullable,
  overlap: fc.nat(),
  sign_conflict_on_overlap: nullable,
  cosine_on_overlap: nullable,
  distance: number,
  norm_ratio: nullable,
});

const namesOf = (experts: number): string[] => Array.from({ length: experts }, (_, i) => `./expert ${i}`);

function scopes(experts: number): fc.Arbitrary<ScopeGeometry> {
  const names = namesOf(experts);
  const record = <T>(keys: readonly string[], value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
    fc.record(Object.fromEntries(keys.map((key) => [key, value])));
  return fc.record({
    parameters: fc.nat(),
    base_norm: number,
    experts: record(names, expert),
    pairs: record(
      expertPairs(names).map(({ key }) => key),
      pair,
    ),
    changed_by_k: fc.array(fc.nat(), { minLength: experts + 1, maxLength: experts + 1 }),
    exact_cancellation_on_overlap: nullable,
    conflict_mass: nullable,
  });
}

it('rows give back what was put into them', () => {
  const groups = fc.integer({ min: 1, max: 5 }).chain((experts) => {
    return fc.tuple(fc.constant(experts), fc.array(scopes(experts), { minLength: 1, maxLength: 4 }));
  });
  fc.assert(
    fc.property(groups, ([experts, list]) => {
      const rows = new ScopeRows(list.length, namesOf(experts));
      // In another order than they are read.
      for (const row of [...list.keys()].reverse()) rows.set(row, list[row]!);
      for (const [row, scope] of list.entries()) {
        const found = rows.at(row);
        expect(found).toEqual(scope);
        expect(JSON.stringify(found)).toBe(JSON.stringify(scope));
      }
    }),
  );
});
