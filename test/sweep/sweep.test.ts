/** The command that sweeps: what it writes, and what evaluators can do to it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { createSweepScene, SWEEP_BASE } from '../support/sweep-scene.js';

const { work, evaluator, sweepRecipe, resultOf } = createSweepScene();
const contents = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('latin1')]));

describe('the models of a sweep', () => {
  it.each([
    ['grid', 'parameters: {lambda: [-0.5, 0.3, 1.0], density: [0.2, 0.7]}'],
    [
      'sample',
      'parameters: {lambda: {minimum: 0.1, maximum: 1.5}, models.code.weight: [0, 1]}\nsample: {n: 4, seed: 3}',
    ],
    ['explicit', 'variants: [{merge_method: linear}, {merge_method: dare_ties, seed: 5}, {trim_scope: model}]'],
  ])('are what single merges of their recipes write: %s', async (name, sweep) => {
    const run = await m2merge(['sweep', sweepRecipe(sweep), name, '--quiet'], work);
    expect(run.status).toBe(0);
    const { rows } = resultOf(name);
    expect(rows.length).toBeGreaterThanOrEqual(3);
    for (const { variant } of rows) {
      const recipe = join(work, `${name}-${variant}.yaml`);
      writeFileSync(recipe, readFileSync(join(work, name, variant, 'recipe.yaml')));
      const single = await m2merge([recipe, `single-${name}/${variant}`, '--quiet'], work);
      expect(single.status).toBe(0);
      expect(contents(join(work, name, variant))).toEqual(contents(join(work, `single-${name}`, variant)));
    }
  });

  it('stay as the recipe says, and the best can be made again', async () => {
    const sweep = (keep: string) =>
      sweepRecipe(
        `parameters: {lambda: [0.2, 0.4, 0.6]}\nkeep: ${keep}\nevaluate: {command: [sh, ${evaluator}, "{model}", ${join(work, 'log')}], maximize: math}`,
      );
    const models = (folder: string) => readdirSync(join(work, folder)).filter((name) => name.startsWith('lambda'));
    expect((await m2merge(['sweep', sweep('all'), 'all', '--quiet'], work)).status).toBe(0);
    expect(models('all')).toHaveLength(3);
    const { best, rows } = resultOf('all');
    const scores = rows.map(({ metrics }) => metrics.math!);
    expect(rows.find(({ variant }) => variant === best)!.metrics.math).toBe(Math.max(...scores));
    expect((await m2merge(['sweep', sweep('best'), 'best', '--quiet'], work)).status).toBe(0);
    expect(models('best')).toEqual([best]);
    const none = sweep('none');
    expect((await m2merge(['sweep', none, 'none', '--quiet'], work)).status).toBe(0);
    expect(models('none')).toEqual([]);
    const again = await m2merge(['sweep', none, 'none', '--best'], work);
    expect(again.stdout.trim()).toBe('./none/best');
    expect(readFileSync(join(work, 'none/best/model.safetensors'))).toEqual(
      readFileSync(join(work, 'all', best!, 'model.safetensors')),
    );
  });

  it('are not written when nobody looks at them', async () => {
    expect(
      (await m2merge(['sweep', sweepRecipe('parameters: {lambda: [0.2, 0.4]}\nkeep: none'), 'dry'], work)).status,
    ).toBe(0);
    expect(readdirSync(join(work, 'dry')).sort()).toEqual(['results.jsonl', 'sweep.html', 'sweep.json', 'sweep.md']);
    for (const { geometry } of resultOf('dry').rows) expect(geometry!.norm_ratio).toBeGreaterThan(0);
  });
});

it('a result that cannot be written is told as that, and its rows are kept', async () => {
  mkdirSync(join(work, 'blocked/sweep.md'), { recursive: true });
  const recipe = sweepRecipe('parameters: {lambda: [0.2]}\nkeep: none');
  const blocked = await m2merge(['sweep', recipe, 'blocked', '--quiet'], work);
  expect(blocked.status).toBe(5);
  expect(blocked.stderr).toMatch(/^error: cannot write .*blocked\/sweep\.md.*EISDIR/);
  expect(readFileSync(join(work, 'blocked/results.jsonl'), 'utf8').trim().split('\n')).toHaveLength(1);
});

describe('evaluators', () => {
  it('find models in folders whose names mean something to who replaces text', async () => {
    const command = `[sh, ${evaluator}, "{model}", ${join(work, 'odd')}]`;
    const recipe = sweepRecipe(`parameters: {lambda: [0.2]}\nevaluate: {command: ${command}, maximize: math}`);
    const folders = ['plain', "odd-$&-$$-$'-{variant}"];
    const metrics = [];
    for (const folder of folders) {
      expect((await m2merge(['sweep', recipe, folder, '--quiet'], work)).status).toBe(0);
      metrics.push(resultOf(folder).rows.map((row) => [row.problem, row.metrics]));
    }
    expect(metrics[1]).toEqual(metrics[0]);
    expect(metrics[0]![0]![1]).toHaveProperty('math');
  });

  const cases = {
    fails: [`console.error('no such model'); process.exit(3)`, /^ended with exit code 3: no such model$/],
    garbage: [`console.log('hello')`, /^printed no JSON object$/],
    nan: [`console.log('{"math": NaN}')`, /^math is NaN$/],
    hangs: [`setInterval(() => {}, 1000)`, /^stopped after 4 s$/],
    dies: [`process.kill(process.pid, 'SIGKILL')`, /^ended with signal SIGKILL$/],
    floods: [
      `const x = 'x'.repeat(1 << 20); for (let i = 0; i < 8; i++) console.log(x); console.log('{}')`,
      /^printed no numbers$/,
    ],
  } as const;

  /** A sweep with one variant for each script, which its evaluator runs: the rows by the scripts' names. */
  async function judge(name: string, scripts: Readonly<Record<string, string>>, settings: string) {
    const names = Object.keys(scripts);
    const folder = join(work, `${name}-scripts`);
    mkdirSync(folder);
    const variants = names.map((_, i) => `lambda-0.${i + 1}`);
    for (const [i, name] of names.entries()) writeFileSync(join(folder, `${variants[i]}.mjs`), scripts[name]!);
    const parameters = `parameters: {lambda: [${names.map((_, i) => `0.${i + 1}`)}]}`;
    const evaluate = `evaluate: {command: [node, "${folder}/{variant}.mjs"], ${settings}}`;
    const run = await m2merge(['sweep', sweepRecipe(`${parameters}\nkeep: none\n${evaluate}`), name, '--json'], work);
    expect(run.status).toBe(0);
    const { rows } = resultOf(name);
    expect(rows).toHaveLength(names.length);
    return new Map(names.map((script, i) => [script, rows.find(({ variant }) => variant === variants[i])!]));
  }

  it('that go wrong end in a row that says so, and the others are judged', async () => {
    const scripts = Object.entries(cases).map(([name, [source]]) => [name, source] as const);
    const good = `console.log('{"math": 0.5}')`;
    const rows = await judge('judged', { ...Object.fromEntries(scripts), good }, 'timeout: 4, parallel: 2');
    for (const [name, [, problem]] of Object.entries(cases)) {
      expect(rows.get(name)!.status).toBe('failed');
      expect(rows.get(name)!.problem).toMatch(problem);
    }
    expect(rows.get('good')).toMatchObject({ status: 'evaluated', metrics: { math: 0.5 } });
    const missing = sweepRecipe('parameters: {lambda: [0.5]}\nevaluate: {command: [./there-is-no-such-program]}');
    const unjudged = await m2merge(['sweep', missing, 'judged-missing'], work);
    expect(unjudged.stdout).toContain('could not be started');
    expect(unjudged.status).toBe(7);
    expect(unjudged.stderr).toMatch(/^error: none of 1 evaluations gave a number\nhint: .*sweep\.md.*--retry/m);
  });

  it('are not waited for when what they have started keeps their output open', async () => {
    const leaving = (name: string, then: string) => `import { spawn } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      const child = spawn('sleep', ['60'], { detached: true, stdio: 'inherit' });
      writeFileSync(${JSON.stringify(join(work, `pid-${name}`))}, String(child.pid));
      console.log('{"math": 0.5}');
      child.unref();
      ${then}`;
    const scripts = { ends: leaving('ends', ''), stays: leaving('stays', 'setInterval(() => {}, 1000);') };
    const rows = await judge('leaving', scripts, 'timeout: 2, parallel: 2');
    expect(rows.get('ends')).toMatchObject({ status: 'evaluated', metrics: { math: 0.5 } });
    expect(rows.get('stays')).toMatchObject({ status: 'failed', problem: 'stopped after 2 s' });
    // They would have ended by themselves if they had been waited for; this throws where there is no such process.
    for (const name of Object.keys(scripts)) process.kill(Number(readFileSync(join(work, `pid-${name}`), 'utf8')));
  });

  it('can write a file, use the shell, and are told the variant', async () => {
    const command = `"echo noise; echo '{\\"score\\": {\\"value\\": 0.25}}' > {output}; echo {variant}"`;
    const recipe = sweepRecipe(
      `parameters: {lambda: [0.5]}\nevaluate: {shell: true, command: ${command}, metrics: [score.value]}`,
    );
    expect((await m2merge(['sweep', recipe, 'shell', '--quiet'], work)).status).toBe(0);
    expect(resultOf('shell').rows[0]!.metrics).toEqual({ 'score.value': 0.25 });
    expect(readdirSync(join(work, 'shell')).some((name) => name.startsWith('.'))).toBe(false);
  });
});

describe('a sweep without models', () => {
  it('shows what it would do', async () => {
    const run = await m2merge(['sweep', sweepRecipe('parameters: {lambda: [0.1, 0.2]}'), 'planned', '--plan'], work);
    expect(run.stdout).toMatch(/waves +1 wave of up to 2, keeps all/);
    expect(existsSync(join(work, 'planned'))).toBe(false);
  });

  it('has its price shown by plan: reads once for all, writes for each, what is left of it', async () => {
    const recipe = sweepRecipe('parameters: {lambda: [0.1, 0.2, 0.3], density: [0.5, 0.9]}');
    const plan = async () => JSON.parse((await m2merge(['plan', recipe, 'priced', '--json'], work)).stdout);
    const single = join(work, 'single-plan.yaml');
    writeFileSync(single, SWEEP_BASE);
    const one = JSON.parse((await m2merge(['plan', single, '--json'], work)).stdout).costs;
    const { costs, variants } = await plan();
    expect(variants).toHaveLength(6);
    expect(costs).toMatchObject({ open: 6, waves: 1, bytesRead: one.bytesRead, bytesWritten: 6 * one.bytesWritten });
    expect(costs.mergeSeconds).toBeGreaterThan(0);
    expect((await m2merge(['sweep', recipe, 'priced', '--quiet'], work)).status).toBe(0);
    expect((await plan()).costs).toMatchObject({ open: 0, waves: 0, bytesRead: 0, bytesWritten: 0, diskBytes: 0 });
  });

  it('finds a mistake of its last variant before the first is merged', async () => {
    const sweep =
      'variants: [{trim_scope: tensor}, {trim_scope: model, density: [{filter: mlp, value: 0.1}, {value: 0.5}]}]';
    const run = await m2merge(['sweep', sweepRecipe(sweep), 'mistaken'], work);
    expect(run.status).toBe(3);
    expect(run.stderr).toContain('each model has one density');
    expect(existsSync(join(work, 'mistaken'))).toBe(false);
  });

  it('keeps the best only where something tells which it is', async () => {
    const run = await m2merge(['sweep', sweepRecipe('parameters: {lambda: [0.1]}\nkeep: best'), 'judgeless'], work);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('keep: best needs an evaluation');
  });

  it('is refused by a single merge, and a recipe without one by a sweep', async () => {
    const sweep = await m2merge([sweepRecipe('parameters: {lambda: [0.1, 0.2]}')], work);
    expect(sweep.status).toBe(3);
    expect(sweep.stderr).toContain('m2merge sweep');
    writeFileSync(join(work, 'plain.yaml'), SWEEP_BASE);
    expect((await m2merge(['sweep', 'plain.yaml'], work)).stderr).toContain('has no sweep');
  });
});
