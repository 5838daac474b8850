import { describe, expect, it } from 'vitest';
import { formatGeometryMarkdown } from '../../src/report/geometry-markdown.js';
import { sampleGeometry } from './sample-geometry.js';

/** Cells of the first table below a heading, its head first. */
function tableBelow(text: string, heading: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line, i) => line.startsWith('|') && i > lines.indexOf(heading));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  const rows = lines.slice(start, end).map((line) => line.slice(2, -2).split(' | '));
  return rows.filter((_, i) => i !== 1);
}

describe('geometry.md', () => {
  const result = sampleGeometry({ layers: 12 });
  const text = formatGeometryMarkdown(result);

  it('starts with the findings and has them all', () => {
    expect(text.indexOf('## Findings')).toBeLessThan(text.indexOf('## Whole model'));
    expect(result.findings.length).toBeGreaterThan(2);
    expect(text.match(/^- \*\*(problem|warning|note): /gm)).toHaveLength(result.findings.length);
    expect(formatGeometryMarkdown({ ...result, findings: [] })).toContain('None: no number crosses a threshold.');
  });

  it('has the numbers of the experts and pairs', () => {
    const experts = tableBelow(text, '### Experts');
    expect(experts.map(([name]) => name)).toEqual(['expert', 'math', 'code', 'science', 'if']);
    const shares = experts.slice(1).map((row) => Number(row[1]!.replace(' %', '')) / 100);
    result.experts.forEach((name, i) => {
      expect(shares[i]).toBeCloseTo(result.global.experts[name]!.changed_fraction, 3);
    });
    const pairs = tableBelow(text, '### Pairs');
    expect(pairs).toHaveLength(7);
    const [, first] = pairs;
    const numbers = result.global.pairs['math|code']!;
    expect(Number(first![1])).toBeCloseTo(numbers.cosine! * 1000, 1);
    expect(Number(first![2])).toBeCloseTo(numbers.sign_flip_z!, 1);
    expect(Number(first![5])).toBeCloseTo(numbers.jaccard_null_exponent!, 3);
    expect(Number(first![6])).toBeCloseTo(numbers.jaccard_lift!, 2);
  });

  it('has a row for each layer and module, in order', () => {
    const layers = tableBelow(text, '### Layers: displacement ratio').slice(1);
    expect(layers.map(([name]) => name)).toEqual([...Array(12).keys()].map(String));
    expect(Number(layers[5]![2])).toBeCloseTo(result.layers['5']!.experts.math!.displacement_ratio!, 2);
    const modules = tableBelow(text, '### Modules: changed').slice(1);
    expect(modules.map(([name]) => name)).toEqual(['embed', 'q', 'k', 'v', 'o', 'gate', 'up', 'down', 'norm']);
  });

  it('shows a value that does not exist as a dash', () => {
    const cosines = tableBelow(text, '### Modules: cosine (1e-3)');
    expect(cosines.find(([name]) => name === 'norm')!.slice(2)).toEqual(Array(6).fill('–'));
  });

  it('has the merge, and none when there was none', () => {
    const merge = tableBelow(text, '## Merge: ties -\\> bfloat16');
    expect(merge[1]).toEqual(['math', '0.42', '0.40', '0.61', '20.0 %', '10.0 %', '1.00 %']);
    expect(formatGeometryMarkdown(sampleGeometry({ merged: false }))).not.toContain('## Merge');
  });

  it('keeps names from becoming markup', () => {
    const hostile = sampleGeometry({ layers: 1, experts: ['a|b', '<b>*x*</b>\n# y', '[l](javascript:0)'] });
    const page = formatGeometryMarkdown(hostile);
    expect(page).not.toMatch(/<b>/);
    expect(page).not.toMatch(/^# y/m);
    expect(page).not.toMatch(/[^\\]\[l/);
    const unescapedBars = (line: string): number => line.match(/(?<!\\)\|/g)?.length ?? 0;
    const rows = page.slice(page.indexOf('### Experts')).split('\n').slice(2, 7);
    expect(new Set(rows.map(unescapedBars)).size).toBe(1);
  });

  it('has a single expert without pairs', () => {
    const page = formatGeometryMarkdown(sampleGeometry({ layers: 1, experts: ['only'] }));
    expect(page).not.toContain('### Pairs');
    expect(page).not.toContain('Layers: cosine');
  });
});
