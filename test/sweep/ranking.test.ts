/** Which variant wins, and which are not beaten, whether more is better or less. */
import { describe, expect, it } from 'vitest';
import { bestOf, paretoFront, scoreOf } from '../../src/sweep/ranking.js';
import type { SweepRow } from '../../src/sweep/result.js';

function row(variant: string, metrics: Readonly<Record<string, number>>, status: SweepRow['status'] = 'evaluated') {
  const rest = { id: variant, settings: {}, recipe: '', geometry: null, evaluation_seconds: 1 };
  return { ...rest, variant, metrics, status } satisfies SweepRow;
}

const names = (rows: readonly SweepRow[]) => rows.map(({ variant }) => variant);

describe('the best', () => {
  const rows = [row('a', { loss: 2 }), row('b', { loss: 1 }), row('c', { loss: 2 }), row('d', { loss: 1 })];

  it('is the first of those with the most, or with the least', () => {
    expect(bestOf(rows, { metric: 'loss', maximize: true })?.variant).toBe('a');
    expect(bestOf(rows, { metric: 'loss', maximize: false })?.variant).toBe('b');
  });

  it('is none of those whose evaluation failed, nor of those without the number', () => {
    const failed = row('failed', { loss: 9 }, 'failed');
    expect(scoreOf(failed, { metric: 'loss', maximize: true })).toBeUndefined();
    expect(bestOf([failed, row('other', { math: 1 })], { metric: 'loss', maximize: true })).toBeUndefined();
    expect(bestOf([failed, ...rows], { metric: null, maximize: true })?.variant).toBe('a');
  });
});

describe('what is not beaten', () => {
  const rows = [
    row('both', { x: 3, y: 3 }),
    row('x', { x: 4, y: 1 }),
    row('y', { x: 1, y: 4 }),
    row('beaten', { x: 2, y: 2 }),
    row('least', { x: 1, y: 1 }),
    row('lacking', { x: 9 }),
    row('failed', { x: 9, y: 9 }, 'failed'),
  ];

  it('is at least as good in all and better in one, of rows that have all', () => {
    expect(names(paretoFront(rows, ['x', 'y'], true))).toEqual(['both', 'x', 'y']);
    expect(names(paretoFront(rows, ['x', 'y'], false))).toEqual(['least']);
    expect(paretoFront(rows, [], true)).toEqual([]);
  });

  it('are both of two that are equal', () => {
    const equal = [row('a', { x: 1, y: 2 }), row('b', { x: 1, y: 2 })];
    expect(names(paretoFront(equal, ['x', 'y'], true))).toEqual(['a', 'b']);
  });
});
