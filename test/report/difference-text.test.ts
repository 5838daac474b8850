import { describe, expect, it } from 'vitest';
import { formatDifference } from '../../src/report/difference-text.js';
import { sampleGeometry } from './sample-geometry.js';

const ALIKE = { onlyInFirst: [], onlyInSecond: [], otherDtypes: [], otherShapes: [], carried: [] };
const HOSTILE = 'a\u001b[2J\u202ename';
const result = sampleGeometry({ layers: 4, experts: ['after'], moreTensors: [HOSTILE], merged: false });
const textIn = (columns?: number): string => formatDifference(result, ALIKE, ['./before', './after'], columns);
/** Tensors of the table, as named there, with their share of changed values in percent. */
const rowsOf = (text: string): (readonly [string, number])[] =>
  [...text.matchAll(/^(\S.*?) +[\d,]+ +([\d.]+) % /gm)].map(([, name, share]) => [name!, Number(share)]);

describe('text of a difference', () => {
  it('lists the twenty tensors that differ most relative to themselves, and counts the others', () => {
    const relative = (name: string): number => result.tensors[name]!.experts.after!.relative_norm!;
    const order = Object.keys(result.tensors).sort((a, b) => relative(b) - relative(a));
    const rows = rowsOf(textIn());
    expect(rows).toHaveLength(20);
    for (const [i, [name, share]] of rows.entries()) {
      expect(relative(name)).toBeCloseTo(relative(order[i]!), 12);
      expect(share).toBeCloseTo(100 * result.tensors[name]!.experts.after!.changed_fraction, 1);
    }
    const differing = order.filter((name) => result.tensors[name]!.experts.after!.norm > 0).length;
    expect(textIn()).toContain(`${differing} of ${order.length} tensors differ;`);
    expect(textIn()).toMatch(new RegExp(`… and ${differing - 20} tensors that differ less, by relative norm$`));
  });

  it('fits the terminal by cutting names at their beginning, and leaves them whole where there is none', () => {
    for (const columns of [70, 80, 120]) {
      for (const line of textIn(columns).split('\n')) expect([...line].length).toBeLessThanOrEqual(columns);
    }
    expect(rowsOf(textIn(120))).toEqual(rowsOf(textIn()));
    const whole = rowsOf(textIn()).map(([name]) => name);
    const cut = rowsOf(textIn(70)).map(([name]) => name);
    expect(cut).not.toEqual(whole);
    for (const [i, name] of cut.entries()) expect(whole[i]!.endsWith(name.replace('…', '')), name).toBe(true);
  });

  it('keeps a name of a tensor from steering the terminal', () => {
    const only = { ...result, tensors: { [HOSTILE]: result.tensors[HOSTILE]! } };
    const text = formatDifference(only, ALIKE, ['a', 'b']);
    expect(text).toContain('a [2J name');
    expect(text).not.toMatch(/[\u202e]/);
    expect(text).not.toContain(String.fromCharCode(27));
  });

  it('says so when nothing differs', () => {
    const scopes = Object.entries(result.tensors).filter(([name]) => name.includes('norm'));
    const same = { ...result, tensors: Object.fromEntries(scopes) };
    expect(formatDifference(same, ALIKE, ['./before', './after'])).toBe(
      `./before and ./after hold the same ${scopes.length} tensors, bit for bit`,
    );
  });
});
