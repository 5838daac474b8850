/** Matrices of f64 against products and rotations taken one by one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { ROTATION_BYTES } from '../../kernels/abi-linear-algebra.js';
import { Workspace } from './workspace.js';

const numbers = (length: number): fc.Arbitrary<Float64Array> =>
  fc
    .array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: length, maxLength: length })
    .map((values) => Float64Array.from(values));

const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0);

function rowsOf(matrix: ArrayLike<number>, columns: number): number[][] {
  const values = Array.from(matrix);
  return Array.from({ length: values.length / columns }, (_, i) => values.slice(i * columns, (i + 1) * columns));
}

const transpose = (matrix: readonly (readonly number[])[]): number[][] =>
  matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));

const closeTo = (found: ArrayLike<number>, expected: readonly number[]): void => {
  Array.from(found).forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-13 * (1 + Math.abs(expected[i]!)));
  });
};

export function linearAlgebraSuite(create: () => Kernels) {
  test('multiplyMatrices sums products in order, however its factors are stored', () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 11 }),
      columns: fc.integer({ min: 1, max: 11 }),
      // Also more than are done at once.
      inner: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 255, max: 515 })),
      transposed: fc.nat(3),
    });
    const cases = sizes.chain((size) =>
      fc.tuple(fc.constant(size), numbers(size.rows * size.inner), numbers(size.inner * size.columns)),
    );
    fc.assert(
      fc.property(cases, ([{ rows, columns, inner, transposed }, a, b]) => {
        const space = new Workspace(create());
        const product = space.reserve(8 * rows * columns);
        space.kernels.multiplyMatrices(space.put(a), space.put(b), rows, inner, columns, transposed, product);
        const left = transposed & 1 ? transpose(rowsOf(a, rows)) : rowsOf(a, inner);
        const right = transposed & 2 ? rowsOf(b, inner) : transpose(rowsOf(b, columns));
        expect([...space.f64(product, rows * columns)]).toEqual(
          left.flatMap((row) => right.map((own) => dot(row, own))),
        );
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('orthonormalize makes vectors orthonormal, each within those up to it, and dependent ones zeros', () => {
    const sizes = fc.record({ count: fc.integer({ min: 1, max: 9 }), length: fc.integer({ min: 9, max: 41 }) });
    const cases = sizes.chain((size) => fc.tuple(fc.constant(size), numbers(size.count * size.length), fc.nat(8)));
    fc.assert(
      fc.property(cases, ([{ count, length }, values, repeated]) => {
        // Smaller numbers than those of f32 would have squares without digits.
        const vectors = rowsOf(
          values.map((x) => (Math.abs(x) < 1e-50 ? 0 : x)),
          length,
        );
        // Nearly and exactly dependent ones, of which digits are lost.
        const isDependent = repeated > 0 && repeated < count;
        if (isDependent) vectors[repeated] = vectors[0]!.map((x) => 3 * x);
        if (count > 3 && repeated !== 1) vectors[1] = vectors[0]!.map((x, i) => x + 1e-9 * vectors[2]![i]!);
        const space = new Workspace(create());
        const slot = space.put(Float64Array.from(vectors.flat()));
        space.kernels.orthonormalize(slot, count, length);
        const found = rowsOf(space.f64(slot, count * length), length);
        found.forEach((row, i) => {
          const isNothing = row.every((x) => x === 0);
          found.forEach((other, j) => {
            const expected = i === j && !isNothing ? 1 : 0;
            expect(Math.abs(dot(row, other) - expected)).toBeLessThan(1e-12);
          });
          const within = found.slice(0, i + 1).map((other) => ({ other, share: dot(vectors[i]!, other) }));
          const size = Math.sqrt(dot(vectors[i]!, vectors[i]!));
          vectors[i]!.forEach((x, k) => {
            const sum = within.reduce((total, { other, share }) => total + share * other[k]!, 0);
            expect(Math.abs(sum - x)).toBeLessThanOrEqual(1e-11 * size);
          });
        });
        if (isDependent) expect(found[repeated]!.every((x) => x === 0)).toBe(true);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  const squares = fc.record({ size: fc.integer({ min: 1, max: 19 }), skipped: fc.nat(18) }).chain(({ size, skipped }) =>
    fc.record({
      size: fc.constant(size),
      first: fc.constant(skipped % size),
      matrix: numbers(size * size),
      vectors: fc.tuple(numbers(size), numbers(size), numbers(size)),
    }),
  );

  test('reduceRows takes two outer products away and multiplies what is left', () => {
    fc.assert(
      fc.property(squares, ({ size, first, matrix, vectors: [v, w, next] }) => {
        const space = new Workspace(create());
        const slot = space.put(matrix);
        const products = space.put(new Float64Array(size).fill(7));
        space.kernels.reduceRows(slot, size, first, space.put(v), space.put(w), space.put(next), products);
        const reduced = rowsOf(matrix, size).map((row, i) =>
          row.map((x, k) => (i < first || k < first ? x : x - (v[i]! * w[k]! + w[i]! * v[k]!))),
        );
        expect([...space.f64(slot, size * size)]).toEqual(reduced.flat());
        const rest = [...next].slice(first);
        closeTo(
          space.f64(products, size),
          reduced.map((row, i) => (i < first ? 7 : dot(row.slice(first), rest))),
        );
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('rotateRows turns neighbouring rows, one rotation after the other', () => {
    const cases = fc
      .record({
        rows: fc.integer({ min: 2, max: 6 }),
        columns: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(131)),
      })
      .chain(({ rows, columns }) =>
        fc.record({
          columns: fc.constant(columns),
          matrix: numbers(rows * columns),
          rotations: fc.array(fc.tuple(fc.nat(rows - 2), fc.double({ min: 0, max: 7, noNaN: true })), {
            maxLength: 12,
          }),
        }),
      );
    fc.assert(
      fc.property(cases, ({ columns, matrix, rotations }) => {
        const space = new Workspace(create());
        const slot = space.put(matrix);
        const entries = new DataView(new ArrayBuffer(ROTATION_BYTES * rotations.length));
        const expected = rowsOf(matrix, columns);
        rotations.forEach(([upper, angle], i) => {
          const [c, s] = [Math.cos(angle), Math.sin(angle)];
          entries.setUint32(ROTATION_BYTES * i, upper, true);
          entries.setFloat64(ROTATION_BYTES * i + 8, c, true);
          entries.setFloat64(ROTATION_BYTES * i + 16, s, true);
          const [x, y] = [expected[upper]!, expected[upper + 1]!];
          expected[upper] = x.map((above, k) => c * above - s * y[k]!);
          expected[upper + 1] = x.map((above, k) => s * above + c * y[k]!);
        });
        space.kernels.rotateRows(slot, columns, space.put(new Uint8Array(entries.buffer)), rotations.length);
        expect([...space.f64(slot, matrix.length)]).toEqual(expected.flat());
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('reflectRows reflects every row by all vectors, the last first', () => {
    fc.assert(
      fc.property(squares, fc.integer({ min: 1, max: 4 }), ({ size, matrix, vectors }, rows) => {
        const space = new Workspace(create());
        const sources = vectors.concat(vectors).slice(0, rows);
        const slot = space.put(Float64Array.from(sources.flatMap((source) => [...source])));
        const factors = vectors[0].map((x) => x / 4);
        space.kernels.reflectRows(slot, rows, size, space.put(matrix), space.put(factors));
        const expected = sources.flatMap((source) => {
          let x = [...source];
          for (let j = size - 1; j >= 0; j--) {
            const v = rowsOf(matrix, size)[j]!.map((value, k) => (k > j ? value : 0));
            const share = factors[j]! * dot(x, v);
            x = x.map((value, k) => value - share * v[k]!);
          }
          return x;
        });
        // Factors of any size make numbers large.
        const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
        Array.from(space.f64(slot, expected.length)).forEach((value, i) => {
          expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-10 * scale);
        });
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
}
