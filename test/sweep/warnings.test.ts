/** What a sweep warns of: before it starts, for people and for machines, and each thing once. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2mergeProcess } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { createSweepScene } from '../support/sweep-scene.js';

const { work, sweepRecipe } = createSweepScene();
const recipe = sweepRecipe('parameters: {lambda: [0.2, 0.4]}\nkeeep: all');
const text = readFileSync(join(work, recipe), 'utf8');
writeFileSync(join(work, recipe), `# A comment, so that lines tell whose they are.\n${text}unknown: 1\n`);

const IN_SECTION = `${recipe}:8:3: unknown key "keeep" is ignored; did you mean "keep"?`;
const IN_VARIANT = `${recipe} (lambda=0.2):9:1: unknown key "unknown" is ignored`;

describe('warnings of a sweep', () => {
  it.each([
    ['a plan', ['--plan']],
    ['a run', ['--keep', 'none']],
  ])('are there once in %s', async (_, options) => {
    const { status, stderr } = await m2merge(['sweep', recipe, 'text', ...options], work);
    expect(status).toBe(0);
    expect(stderr.split('\n').filter((line) => line.startsWith('warning:'))).toEqual([
      `warning: ${IN_SECTION}`,
      `warning: ${IN_VARIANT}`,
    ]);
  });

  it('are events of a run and part of a plan for machines', async () => {
    const run = await m2merge(['sweep', recipe, 'events', '--keep', 'none', '--json'], work);
    const events = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const told = events.filter(({ event }) => event === 'warning').map(({ message }) => message);
    expect(told).toEqual([IN_SECTION, IN_VARIANT]);
    const plan = await m2merge(['sweep', recipe, 'planned', '--plan', '--json'], work);
    expect(JSON.parse(plan.stdout).warnings).toHaveLength(2);
    expect(run.stderr + plan.stderr).toBe('');
  });
});

describe('strictness', () => {
  it.each([[[]], [['--ask-tell']]])('refuses what the section warns of, with %j', async (options) => {
    const strict = await m2merge(['sweep', recipe, 'strict', '--strict', ...options], work);
    expect(strict).toMatchObject({ status: 3, stderr: expect.stringContaining(IN_SECTION) });
  });
});

describe('an evaluator that is told of no model', () => {
  const other = sweepRecipe('parameters: {lambda: [0.2]}');
  it('is warned of', async () => {
    const told = 'has neither {model} nor {variant}';
    const plan = (...options: string[]) => m2merge(['sweep', other, 'blind', '--evaluate', ...options, '--plan'], work);
    expect((await plan('node eval.mjs {modell}')).stderr).toContain(told);
    expect((await plan('node eval.mjs {modell}', '--strict')).status).toBe(3);
    expect((await plan('node eval.mjs --run={variant}')).stderr).toBe('');
    const asked = m2mergeProcess(['sweep', other, 'asked', '--evaluate', 'true', '--ask-tell'], work);
    expect(asked.stderr).toContain(told);
  });
});

describe('the number that decides', () => {
  const planOf = async (maximize: string, ...options: string[]) => {
    const evaluate = `evaluate: {command: "node eval.mjs {model}", metrics: [gsm8k.acc, code], maximize: ${maximize}}`;
    const listing = sweepRecipe(`parameters: {lambda: [0.2]}\n${evaluate}`);
    return { listing, ...(await m2merge(['sweep', listing, 'listing', '--plan', ...options], work)) };
  };

  it('is warned of where it is nearly one of those that are listed', async () => {
    const { listing, stderr } = await planOf('gsm8k.acx');
    const place = `${listing}:7:${`  evaluate: {command: "node eval.mjs {model}", metrics: [gsm8k.acc, code], maximize: `.length + 1}`;
    expect(stderr).toContain(`${place}: "gsm8k.acx" is not among the metrics; did you mean "gsm8k.acc"?`);
    expect((await planOf('gsm8k.acx', '--strict')).status).toBe(3);
    expect((await planOf('gsm8k.acc')).stderr + (await planOf('humaneval')).stderr).toBe('');
  });
});

describe('options that exclude each other', () => {
  it.each([
    ['--plan', '--best'],
    ['--plan', '--ask-tell'],
    ['--ask-tell', '--best'],
  ])('%s and %s are refused', async (first, second) => {
    const { status, stderr } = await m2merge(['sweep', recipe, 'both', first, second], work);
    expect(status).toBe(2);
    expect(stderr).toContain(`option '${first}' cannot be used with option '${second}'`);
  });
});
