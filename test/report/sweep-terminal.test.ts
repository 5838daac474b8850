/** The table of a sweep in the width of a terminal. */
import { describe, expect, it } from 'vitest';
import { formatSweepTerminal } from '../../src/report/sweep-terminal.js';
import type { SweepResult, SweepRow } from '../../src/sweep/result.js';
import { sampleSweep } from './sample-sweep.js';

const METRICS = ['gsm8k.exact_match', 'humaneval.pass@1', 'mmlu.acc', 'ifeval.strict', 'arc_challenge', 'always'];

const rows = ['0.2', '0.4'].map((lambda, i): SweepRow => {
  const metrics = Object.fromEntries(METRICS.map((name, m) => [name, name === 'always' ? 1 : (i + m) / 8]));
  const geometry = { retained_projection: { math: Number(lambda) }, norm_ratio: 0.3 + i, rounding_survival: 1 };
  const settings = { lambda, 'models.code.weight': `${0.5 + i}` };
  return { ...sampleSweep.rows[0]!, variant: `lambda-${lambda}`, settings, metrics, geometry };
});

const wide: SweepResult = {
  ...sampleSweep,
  rows,
  settings: ['lambda', 'models.code.weight'],
  metrics: METRICS,
  objective: { metric: 'mmlu.acc', maximize: true },
  best: 'lambda-0.4',
  pareto: ['lambda-0.4'],
};

describe('a sweep with many columns', () => {
  it('is whole where there is room, or no terminal', () => {
    const text = formatSweepTerminal(wide, false);
    for (const name of [...METRICS, 'retained', 'norm ratio', 'survival']) expect(text).toContain(name);
    expect(formatSweepTerminal(wide, false, 200)).toBe(text);
  });

  it('fits the terminal: what is the same in all rows goes first, what decides and the settings stay', () => {
    for (const width of [60, 80, 100, 120, 140]) {
      const lines = formatSweepTerminal(wide, false, width).split('\n');
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
      for (const name of ['lambda', 'models.code.weight', 'mmlu.acc']) expect(lines[0]).toContain(name);
    }
    const only = { ...wide, metrics: ['arc_challenge'], objective: sampleSweep.objective };
    expect(formatSweepTerminal(only, false, 40)).toContain('arc_ch…lenge');
    expect(formatSweepTerminal(wide, false, 80)).toBe(`\
   lambda  models.code.weight  gsm8k.…match  humane…ass@1  mmlu.acc
*  0.4     1.5                       0.1250        0.2500    0.3750
   0.2     0.5                       0.0000        0.1250    0.2500
* largest mmlu.acc, + not beaten in every metric
no room here, but in sweep.md: survival, always, norm ratio, retained,
arc_challenge, ifeval.strict`);
    expect(formatSweepTerminal(wide, false, 124)).toMatch(/sweep\.md: survival, always$/);
  });

  it('shortens long settings where nothing is left to leave out', () => {
    const sparsify = 'method: dare, density: 0.8, rescale: density';
    const settings = ['merge_method', 'lambda', 'density', 'zero_sign', 'trim_rule', 'sparsify'];
    const values = [
      ['dare_linear', '1.0', '0.8', 'majority', 'threshold', sparsify],
      ['task_arithmetic', '0.6', '0.2', 'none', 'exact', 'none'],
    ];
    const long = rows.map((row, i) => ({
      ...row,
      settings: Object.fromEntries(settings.map((setting, k) => [setting, values[i]![k]!])),
    }));
    const lines = formatSweepTerminal({ ...wide, rows: long, settings }, false, 84).split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(84);
    for (const name of [...settings, 'mmlu.acc']) expect(lines[0]).toContain(name);
  });

  it('shortens problems before it leaves numbers out', () => {
    const problem = 'ended with exit code 3: '.padEnd(300, 'x');
    const failed: SweepRow = { ...rows[0]!, status: 'failed', metrics: {}, problem };
    const text = formatSweepTerminal({ ...wide, metrics: ['mmlu.acc'], rows: [rows[1]!, failed] }, false, 110);
    expect(text).toContain('survival');
    expect(text).not.toContain('no room');
  });
});

it('marks that are not there are not explained', () => {
  expect(
    formatSweepTerminal({ ...wide, best: null }, false)
      .split('\n')
      .at(-1),
  ).toBe('+ not beaten in every metric');
  expect(formatSweepTerminal({ ...wide, best: null, pareto: [] }, false)).not.toContain('beaten');
});
