import { expect, it } from 'vitest';
import { formatSweepMarkdown } from '../../src/report/sweep-markdown.js';
import { HOSTILE, sampleSweep } from './sample-sweep.js';

it('names of sweeps are no markup, steer no terminal and end no cell', () => {
  const [first, ...others] = sampleSweep.rows;
  const metrics = { ...first!.metrics, 'a|b\u001b[2J\nc': 1 };
  const text = formatSweepMarkdown({
    ...sampleSweep,
    metrics: Object.keys(metrics),
    rows: [{ ...first!, metrics }, ...others],
  });
  expect(text).toContain('a\\|b \\[2J c');
  expect(text.split('\n## ')[0]).not.toContain(HOSTILE);
  expect(text).not.toMatch(/[^\P{Cc}\n]/u);
  const cells = text.split('\n').filter((line) => line.startsWith('|'));
  expect(new Set(cells.map((line) => line.match(/(?<!\\)\|/g)!.length)).size).toBe(1);
});

it('numbers are shown by their digits where decimals would show nothing of them', () => {
  const tiny = [2.5e-7, -1e-7, 0].map((loss, i) => ({ ...sampleSweep.rows[i]!, metrics: { loss, share: loss * 1e6 } }));
  const objective = { metric: 'loss', maximize: false };
  const text = formatSweepMarkdown({ ...sampleSweep, objective, metrics: ['loss', 'share'], rows: tiny });
  for (const cells of ['-1.00e-7 | -0.1000', '0.00 | 0.0000', '2.50e-7 | 0.2500']) expect(text).toContain(cells);
});

it('what decides is no markup either, and one variant is one', () => {
  const objective = { metric: 'a|b\n# <i>c', maximize: true };
  const [first] = sampleSweep.rows;
  const text = formatSweepMarkdown({ ...sampleSweep, objective, rows: [first!], best: null, best_recipe: null });
  expect(text).toContain('\n1 variant; the winner has the largest a\\|b \\# &lt;i\\>c.\n');
});
