/** Packed histograms and the ledger of them, against dense arrays. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CountLedger,
  CountsPacker,
  countOf,
  mergeCounts,
  type SparseCounts,
  unpackCounts,
} from '../../kernels/statistics/sparse-counts.js';

const BINS = 64;

const dense = fc
  .array(fc.tuple(fc.nat(BINS - 1), fc.integer({ min: 1, max: 0xffffffff })), { maxLength: 20 })
  .map((entries) => {
    const bins = new Uint32Array(BINS);
    for (const [bin, count] of entries) bins[bin] = count;
    return bins;
  });

function pack(histograms: readonly Uint32Array[]): SparseCounts[] {
  const packer = new CountsPacker();
  for (const histogram of histograms) packer.append(histogram, filledBins(histogram));
  return unpackCounts(packer.take());
}

const filledBins = (histogram: Uint32Array): Uint32Array =>
  Uint32Array.from(histogram.keys()).filter((bin) => histogram[bin] !== 0);

function expand({ bins, counts }: SparseCounts): number[] {
  const result = new Array<number>(BINS).fill(0);
  bins.forEach((bin, i) => {
    result[bin] = counts[i]!;
  });
  return result;
}

const isAscending = ({ bins }: SparseCounts): boolean => bins.every((bin, i) => i === 0 || bins[i - 1]! < bin);

describe('packed counts', () => {
  it('come back as they were, in order, without empty bins', () => {
    fc.assert(
      fc.property(fc.array(dense, { maxLength: 6 }), (histograms) => {
        const unpacked = pack(histograms);
        expect(unpacked.map(expand)).toEqual(histograms.map((histogram) => [...histogram]));
        expect(unpacked.every(isAscending)).toBe(true);
        expect(unpacked.every(({ counts }) => counts.every((count) => count > 0))).toBe(true);
      }),
    );
  });

  it('a packer starts over after each take, and what was taken stays', () => {
    const packer = new CountsPacker();
    packer.append(Uint32Array.of(0, 5), Uint32Array.of(1));
    const taken = packer.take();
    packer.append(Uint32Array.of(7, 0), Uint32Array.of(0));
    expect(unpackCounts(packer.take()).map(({ bins, counts }) => [...bins, ...counts])).toEqual([[0, 7]]);
    expect(unpackCounts(taken).map(({ bins, counts }) => [...bins, ...counts])).toEqual([[1, 5]]);
    expect(packer.take()).toHaveLength(0);
  });

  it('full histograms larger than the first capacity make it grow', () => {
    const full = Uint32Array.from({ length: 65_536 }, (_, i) => i + 1);
    const unpacked = pack([full, full]);
    for (const { counts } of unpacked)
      expect(Buffer.compare(Buffer.from(Uint32Array.from(counts).buffer), Buffer.from(full.buffer))).toBe(0);
    expect(unpacked).toHaveLength(2);
  });
});

describe('merged counts', () => {
  it('are the sums of dense histograms, beyond 2^32, ascending', () => {
    fc.assert(
      fc.property(dense, dense, (a, b) => {
        const [sparseA, sparseB] = pack([a, b]);
        const merged = mergeCounts(sparseA!, sparseB!);
        expect(expand(merged)).toEqual([...a].map((count, bin) => count + b[bin]!));
        expect(isAscending(merged)).toBe(true);
        for (let bin = 0; bin < BINS; bin++) expect(countOf(merged, bin)).toBe(a[bin]! + b[bin]!);
      }),
    );
  });
});

describe('a ledger', () => {
  const units = fc.uniqueArray(fc.tuple(fc.nat(40), dense), { selector: ([ordinal]) => ordinal, maxLength: 20 });
  const fill = (entries: readonly (readonly [number, SparseCounts])[], capacity: number) => {
    const ledger = new CountLedger(capacity);
    for (const [ordinal, counts] of entries) ledger.add(ordinal, counts);
    return ledger.groups();
  };

  it('holds the sum of the units of each group, groups in order and apart, within its capacity', () => {
    fc.assert(
      fc.property(units, fc.integer({ min: 1, max: 200 }), (entries, capacity) => {
        const sparse = entries.map(([ordinal, histogram]) => [ordinal, pack([histogram])[0]!] as const);
        const groups = fill(sparse, capacity);
        let covered = 0;
        groups.forEach(({ first, length, counts }, i) => {
          if (i > 0) expect(first).toBeGreaterThanOrEqual(groups[i - 1]!.first + groups[i - 1]!.length);
          const members = entries.filter(([ordinal]) => ordinal >= first && ordinal < first + length);
          covered += members.length;
          const total = Array.from({ length: BINS }, (_, bin) =>
            members.reduce((sum, [, histogram]) => sum + histogram[bin]!, 0),
          );
          expect(expand(counts)).toEqual(total);
        });
        expect(covered).toBe(entries.length);
        const held = groups.reduce((total, { counts }) => total + counts.bins.length, 0);
        expect(held <= capacity || groups.length === 1).toBe(true);
      }),
    );
  });

  it('keeps units apart while they fit', () => {
    const counts = pack([Uint32Array.of(0, 1, 2, 0)])[0]!;
    const groups = fill(
      [3, 0, 7].map((ordinal) => [ordinal, counts] as const),
      6,
    );
    expect(groups.map(({ first, length }) => [first, length])).toEqual([
      [0, 1],
      [3, 1],
      [7, 1],
    ]);
  });

  it('is the same whatever the order', () => {
    const shuffled = units.chain((entries) =>
      fc.tuple(fc.constant(entries), fc.shuffledSubarray(entries, { minLength: entries.length })),
    );
    fc.assert(
      fc.property(shuffled, fc.integer({ min: 1, max: 100 }), ([entries, reordered], capacity) => {
        const sparse = (list: typeof entries) =>
          list.map(([ordinal, histogram]) => [ordinal, pack([histogram])[0]!] as const);
        const describeGroups = (list: typeof entries) =>
          fill(sparse(list), capacity).map(({ first, length, counts }) => [first, length, ...expand(counts)]);
        expect(describeGroups(reordered)).toEqual(describeGroups(entries));
      }),
    );
  });
});
