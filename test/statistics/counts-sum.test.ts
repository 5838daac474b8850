/** Sums of sparse histograms against a map of counts. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CountsSum } from '../../kernels/statistics/counts-sum.js';

const histograms = fc.array(
  fc
    .dictionary(fc.integer({ min: 0, max: 65_535 }).map(String), fc.integer({ min: 1, max: 0xffff_ffff }), {
      maxKeys: 9,
    })
    .map((counts) => Object.entries(counts).map(([bin, count]) => [Number(bin), count] as const)),
  { maxLength: 11 },
);

it('adds up whatever comes, in any order, and can be asked in between', () => {
  fc.assert(
    fc.property(histograms, fc.nat(11), (parts, asked) => {
      const sum = new CountsSum();
      const expected = new Map<number, number>();
      parts.forEach((part, i) => {
        const ascending = part.toSorted(([a], [b]) => a - b);
        const [bins, counts] = [ascending.map(([bin]) => bin), ascending.map(([, count]) => count)];
        sum.add({ bins: Uint32Array.from(bins), counts: Uint32Array.from(counts) });
        for (const [bin, count] of part) expected.set(bin, (expected.get(bin) ?? 0) + count);
        if (i === asked) sum.total();
      });
      const { bins, counts } = sum.total();
      const found = Array.from(bins, (bin, i) => [bin, counts[i]!]);
      expect(found).toEqual([...expected].sort(([a], [b]) => a - b));
    }),
  );
});
