/** Sweeps that go on after something was changed: the number that decides, the recipe and back, the command line. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { createSweepScene } from '../support/sweep-scene.js';

const { work, evaluator, sweepRecipe, resultOf } = createSweepScene();
const evaluate = (more: string) => `evaluate: {command: [sh, ${evaluator}, "{model}", ${join(work, 'log')}]${more}}`;
const LAMBDAS = 'parameters: {lambda: [0.2, 0.4, 0.6]}\n';

const run = async (...args: string[]) => {
  const { status, stderr } = await m2merge(['sweep', ...args, '--quiet'], work);
  expect(`${status}\n${stderr}`).toBe('0\n');
};
const modelIn = (...names: string[]): Buffer => readFileSync(join(work, ...names, 'model.safetensors'));
const models = (folder: string) => readdirSync(join(work, folder)).filter((name) => name.startsWith('lambda'));

/** How often the evaluator has run. */
const judged = () => {
  const log = join(work, 'log');
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0;
};

/** The variant with the most of a metric. */
function winner(folder: string, metric: string): string {
  const rows = [...resultOf(folder).rows];
  return rows.sort((a, b) => b.metrics[metric]! - a.metrics[metric]!)[0]!.variant;
}

describe('the number that decides', () => {
  it('is taken from the evaluator though the metrics do not list it', async () => {
    await run(sweepRecipe(`${LAMBDAS}keep: best\n${evaluate(', metrics: [math], maximize: code')}`), 'unlisted');
    expect(resultOf('unlisted').best).toBe(winner('unlisted', 'code'));
    expect(models('unlisted')).toEqual([winner('unlisted', 'code')]);
  });

  it('is missed in each row that lacks it, told once, and the rows are ranked when it is corrected', async () => {
    const misspelt = sweepRecipe(`${LAMBDAS}${evaluate(', maximize: maht')}`);
    const before = judged();
    const { status, stderr } = await m2merge(['sweep', misspelt, 'misspelt', '--quiet'], work);
    expect({ status, lines: stderr.trim().split('\n').length }).toEqual({ status: 0, lines: 1 });
    expect(stderr).toContain('no number called "maht", which is to decide; it gave math, code; did you mean "math"?');
    const row = { status: 'evaluated', problem: 'no number called maht', metrics: { math: expect.any(Number) } };
    expect(resultOf('misspelt')).toMatchObject({ best: null, rows: [row, row, row] });
    expect((await m2merge(['sweep', misspelt, 'misspelt', '--quiet'], work)).stderr).toBe(stderr);
    await run(sweepRecipe(`${LAMBDAS}${evaluate(', maximize: math')}`), 'misspelt');
    const { best, rows } = resultOf('misspelt');
    expect(best).toBe(winner('misspelt', 'math'));
    expect(rows.filter(({ problem }) => problem !== undefined)).toEqual([]);
    expect(judged() - before).toBe(3);
  });

  it('is asked for again with --retry where rows lack it', async () => {
    const early = join(work, 'early.mjs');
    writeFileSync(early, 'console.log(JSON.stringify({ math: 1 }));');
    const recipe = sweepRecipe(`${LAMBDAS}evaluate: {command: [node, ${early}, "{model}"], maximize: all.code}`);
    await m2merge(['sweep', recipe, 'early', '--quiet'], work);
    writeFileSync(early, 'console.log(JSON.stringify({ math: 1, all: { code: 2 } }));');
    await run(recipe, 'early', '--retry');
    expect(resultOf('early').rows.map(({ metrics }) => metrics['all.code'])).toEqual([2, 2, 2]);
  });

  it('can be another on the command line, for a sweep and for its best model', async () => {
    const recipe = sweepRecipe(`${LAMBDAS}${evaluate(', maximize: math')}`);
    await run(recipe, 'other', '--maximize', 'code');
    expect(resultOf('other').best).toBe(winner('other', 'code'));
    await run(recipe, 'other', '--best', '--maximize', 'code');
    expect(modelIn('other', 'best')).toEqual(modelIn('other', winner('other', 'code')));
    await run(recipe, 'other', '--best', '--overwrite');
    expect(modelIn('other', 'best')).toEqual(modelIn('other', winner('other', 'math')));
    const unknown = await m2merge(['sweep', recipe, 'other', '--best', '--maximize', 'maths'], work);
    expect(unknown.stderr).toContain('no variant of the sweep has a number called "maths"; there are math, code');
    expect((await m2merge(['sweep', recipe, 'other', '--maximize', ''], work)).status).toBe(2);
    const none = await m2merge(['sweep', sweepRecipe(LAMBDAS), 'none', '--maximize', 'code'], work);
    expect(none).toMatchObject({ status: 2, stderr: expect.stringContaining('--maximize needs an evaluation') });
  });

  it('may be one of which less is better', async () => {
    await run(sweepRecipe(`${LAMBDAS}keep: best\n${evaluate(', minimize: math')}`), 'least');
    const { best, rows, objective } = resultOf('least');
    const least = Math.min(...rows.map(({ metrics }) => metrics.math!));
    expect(objective).toEqual({ metric: 'math', maximize: false });
    expect(rows.find(({ variant }) => variant === best)!.metrics.math).toBe(least);
    expect(least).toBeLessThan(Math.max(...rows.map(({ metrics }) => metrics.math!)));
    expect(models('least')).toEqual([best]);
  });

  it('is that of the sweep that has run where the recipe says none', async () => {
    const recipe = sweepRecipe(LAMBDAS);
    await run(recipe, 'told', '--evaluate', `sh ${evaluator} {model} ${join(work, 'log')}`, '--maximize', 'code');
    await run(recipe, 'told', '--best');
    expect(modelIn('told', 'best')).toEqual(modelIn('told', winner('told', 'code')));
  });
});

describe('what stays', () => {
  it('is the best by what decides now, merged again and not judged again', async () => {
    const recipe = (metric: string) => sweepRecipe(`${LAMBDAS}keep: best\n${evaluate(`, maximize: ${metric}`)}`);
    await run(recipe('math'), 'turned');
    const [former, next] = [winner('turned', 'math'), winner('turned', 'code')];
    expect(former).not.toBe(next);
    const before = judged();
    const plan = await m2merge(['sweep', recipe('code'), 'turned', '--plan', '--json'], work);
    expect(JSON.parse(plan.stdout).costs).toMatchObject({ open: 1, waves: 1, evaluationSeconds: 0 });
    await run(recipe('code'), 'turned');
    expect(resultOf('turned').best).toBe(next);
    expect(models('turned')).toEqual([next]);
    expect(judged()).toBe(before);
    await run(recipe('code'), 'whole', '--keep', 'all');
    expect(modelIn('turned', next)).toEqual(modelIn('whole', next));
  });

  it('can be wanted later: models that were only looked at are merged again, others are not', async () => {
    const recipe = sweepRecipe(LAMBDAS);
    await run(recipe, 'later', '--keep', 'none');
    expect(models('later')).toEqual([]);
    await run(recipe, 'later', '--keep', 'all');
    expect(models('later')).toEqual(['lambda-0.2', 'lambda-0.4', 'lambda-0.6']);
    const { mtimeMs } = statSync(join(work, 'later', 'lambda-0.4'));
    rmSync(join(work, 'later', 'lambda-0.2'), { recursive: true });
    await run(recipe, 'later', '--keep', 'all');
    expect(models('later')).toEqual(['lambda-0.2', 'lambda-0.4', 'lambda-0.6']);
    expect(statSync(join(work, 'later', 'lambda-0.4')).mtimeMs).toBe(mtimeMs);
  });
});

describe('a recipe that is changed and changed back', () => {
  /** Two recipes whose variants have the same names and other models. */
  function twins(sweep: string): [first: string, second: string] {
    const first = sweepRecipe(sweep);
    const second = `other-${first}`;
    const text = readFileSync(join(work, first), 'utf8');
    writeFileSync(join(work, second), text.replace('density: 0.5', 'density: 0.7'));
    return [first, second];
  }

  it('has its models again, and judges none twice', async () => {
    const [first, second] = twins(`${LAMBDAS}${evaluate('')}`);
    await run(first, 'back');
    const before = modelIn('back', 'lambda-0.4');
    const { rows } = resultOf('back');
    await run(second, 'back');
    expect(modelIn('back', 'lambda-0.4')).not.toEqual(before);
    const evaluations = judged();
    await run(first, 'back');
    expect(modelIn('back', 'lambda-0.4')).toEqual(before);
    expect(resultOf('back').rows).toEqual(rows);
    expect(judged()).toBe(evaluations);
  });

  it('does not judge what the other has left', async () => {
    const [first, second] = twins(LAMBDAS);
    await run(first, 'left');
    await run(second, 'left');
    const command = `sh ${evaluator} {model} ${join(work, 'log')}`;
    await run(first, 'left', '--evaluate', command);
    await run(first, 'alone', '--evaluate', command);
    const metrics = (folder: string) => resultOf(folder).rows.map((row) => row.metrics);
    expect(metrics('left')).toEqual(metrics('alone'));
  });

  it('does not keep the model of the other as its best', async () => {
    const [first, second] = twins(`parameters: {lambda: [0.4]}\nkeep: best\n${evaluate('')}`);
    await run(first, 'kept');
    await run(second, 'kept');
    await run(first, 'kept');
    await run(first, 'fresh');
    expect(modelIn('kept', 'lambda-0.4')).toEqual(modelIn('fresh', 'lambda-0.4'));
    await run(first, 'kept', '--best');
    expect(modelIn('kept', 'best')).toEqual(modelIn('fresh', 'lambda-0.4'));
  });
});

describe('another command that judges', () => {
  it('is warned of beside scores of the first, and judges all with --retry', async () => {
    const judge = (score: number): string => {
      const script = join(work, `gives-${score}.mjs`);
      writeFileSync(script, `console.log(JSON.stringify({ score: ${score} }));`);
      return `node ${script} {model}`;
    };
    const sweep = (lambdas: string, score: number, ...more: string[]) =>
      m2merge(
        [
          'sweep',
          sweepRecipe('parameters: {seed: [0]}\n'),
          'judges',
          '--set',
          `lambda=${lambdas}`,
          '--evaluate',
          judge(score),
          ...more,
        ],
        work,
      );
    const scores = () => resultOf('judges').rows.map(({ metrics }) => metrics.score);
    await sweep('0.2', 1);
    const mixed = await sweep('0.2,0.4', 2);
    expect(mixed.stderr).toContain(
      'warning: a variant was judged by another command; with --retry this one judges again',
    );
    expect(scores()).toEqual([1, 2]);
    expect((await sweep('0.2,0.4', 2, '--retry')).stderr).not.toContain('another command');
    expect(scores()).toEqual([2, 2]);
    expect((await sweep('0.2,0.4', 2)).stderr).not.toContain('another command');
    expect(Object.keys(resultOf('judges').rows[0]!)).not.toContain('judge');
  });
});
