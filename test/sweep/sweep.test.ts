/** Sweeps as processes: what they write, what evaluators can do to them, and how they go on after they were killed. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SweepResult, SweepRow } from '../../src/sweep/result.js';
import { m2merge, startM2merge, temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';

const work = temporaryFolder();
const SHAPES = [
  ['model.layers.0.mlp.up_proj.weight', [61, 67]],
  ['model.norm.weight', [7]],
] as const;
const base = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.02));
writeModel(join(work, 'base'), base);
for (const [e, expert] of ['math', 'code'].entries()) {
  const tensors = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 100 * e + i, 3e-4, base[i]));
  writeModel(join(work, expert), tensors);
}

const RECIPE = `merge_method: ties
base_model: base
models: [{model: math}, {model: code}]
parameters: {weight: 1, density: 0.5}
`;

/** Prints the size of the model, and notes that it ran. */
const EVALUATOR = join(work, 'evaluate.mjs');
writeFileSync(
  EVALUATOR,
  `import { appendFileSync, readFileSync } from 'node:fs';
const [model, log] = process.argv.slice(2);
appendFileSync(log, model.split('/').at(-1) + '\\n');
const bytes = readFileSync(model + '/model.safetensors');
let sum = 0;
for (const byte of bytes) sum = (sum * 31 + byte) % 1000003;
console.log(JSON.stringify({ math: sum / 1000003, code: 1 - sum / 1000003 }));
`,
);

let recipes = 0;
function sweepRecipe(sweep: string): string {
  const name = `recipe-${recipes++}.yaml`;
  writeFileSync(join(work, name), `${RECIPE}sweep:\n${sweep.replace(/^/gm, '  ')}\n`);
  return name;
}

const resultOf = (folder: string): SweepResult => JSON.parse(readFileSync(join(work, folder, 'sweep.json'), 'utf8'));
const rowsOf = (folder: string): SweepRow[] =>
  readFileSync(join(work, folder, 'results.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
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
  ])('are what single merges of their recipes write: %s', (name, sweep) => {
    const run = m2merge(['sweep', sweepRecipe(sweep), name, '--quiet'], work);
    expect(run.status).toBe(0);
    const { rows } = resultOf(name);
    expect(rows.length).toBeGreaterThanOrEqual(3);
    for (const { variant } of rows) {
      const recipe = join(work, `${name}-${variant}.yaml`);
      writeFileSync(recipe, readFileSync(join(work, name, variant, 'recipe.yaml')));
      const single = m2merge([recipe, `single-${name}/${variant}`, '--quiet'], work);
      expect(single.status).toBe(0);
      expect(contents(join(work, name, variant))).toEqual(contents(join(work, `single-${name}`, variant)));
    }
  });

  it('stay as the recipe says, and the best can be made again', () => {
    const sweep = (keep: string) =>
      sweepRecipe(
        `parameters: {lambda: [0.2, 0.4, 0.6]}\nkeep: ${keep}\nevaluate: {command: [node, ${EVALUATOR}, "{model}", ${join(work, 'log')}], maximize: math}`,
      );
    const models = (folder: string) => readdirSync(join(work, folder)).filter((name) => name.startsWith('lambda'));
    expect(m2merge(['sweep', sweep('all'), 'all', '--quiet'], work).status).toBe(0);
    expect(models('all')).toHaveLength(3);
    const { best, rows } = resultOf('all');
    const scores = rows.map(({ metrics }) => metrics.math!);
    expect(rows.find(({ variant }) => variant === best)!.metrics.math).toBe(Math.max(...scores));
    expect(m2merge(['sweep', sweep('best'), 'best', '--quiet'], work).status).toBe(0);
    expect(models('best')).toEqual([best]);
    const none = sweep('none');
    expect(m2merge(['sweep', none, 'none', '--quiet'], work).status).toBe(0);
    expect(models('none')).toEqual([]);
    const again = m2merge(['sweep', none, 'none', '--best'], work);
    expect(again.stdout.trim()).toBe('./none/best');
    expect(readFileSync(join(work, 'none/best/model.safetensors'))).toEqual(
      readFileSync(join(work, 'all', best!, 'model.safetensors')),
    );
  });

  it('are not written when nobody looks at them', () => {
    expect(m2merge(['sweep', sweepRecipe('parameters: {lambda: [0.2, 0.4]}\nkeep: none'), 'dry'], work).status).toBe(0);
    expect(readdirSync(join(work, 'dry')).sort()).toEqual(['results.jsonl', 'sweep.html', 'sweep.json', 'sweep.md']);
    for (const { geometry } of resultOf('dry').rows) expect(geometry!.norm_ratio).toBeGreaterThan(0);
  });
});

describe('evaluators', () => {
  const cases = {
    fails: [`console.error('no such model'); process.exit(3)`, /^ended with exit code 3: no such model$/],
    garbage: [`console.log('hello')`, /^printed no JSON object$/],
    nan: [`console.log('{"math": NaN}')`, /^math is NaN$/],
    hangs: [`setInterval(() => {}, 1000)`, /^stopped after 1 s$/],
    dies: [`process.kill(process.pid, 'SIGKILL')`, /^ended with signal SIGKILL$/],
    floods: [
      `const x = 'x'.repeat(1 << 20); for (let i = 0; i < 8; i++) console.log(x); console.log('{}')`,
      /^printed no numbers$/,
    ],
  } as const;

  it('that go wrong end in a row that says so, and the others are judged', { timeout: 60_000 }, () => {
    const scripts = join(work, 'scripts');
    mkdirSync(scripts);
    for (const [name, [source]] of Object.entries(cases)) writeFileSync(join(scripts, `${name}.mjs`), source);
    writeFileSync(join(scripts, 'good.mjs'), `console.log('{"math": 0.5}')`);
    for (const [name, problem] of [
      ...Object.entries(cases).map(([name, [, problem]]) => [name, problem] as const),
      ['good', undefined] as const,
    ]) {
      const command = `command: [node, "${join(scripts, name)}.mjs"]`;
      const recipe = sweepRecipe(`parameters: {lambda: [0.5]}\nevaluate: {${command}, timeout: 1}`);
      const run = m2merge(['sweep', recipe, `judged-${name}`, '--json'], work);
      expect(run.status).toBe(0);
      const [row] = resultOf(`judged-${name}`).rows;
      expect(row!.status).toBe(problem === undefined ? 'evaluated' : 'failed');
      if (problem !== undefined) expect(row!.problem).toMatch(problem);
    }
    const missing = sweepRecipe('parameters: {lambda: [0.5]}\nevaluate: {command: [./there-is-no-such-program]}');
    expect(m2merge(['sweep', missing, 'judged-missing'], work).stdout).toContain('could not be started');
  });

  it('can write a file, use the shell, and are told the variant', () => {
    const command = `"echo noise; echo '{\\"score\\": {\\"value\\": 0.25}}' > {output}; echo {variant}"`;
    const recipe = sweepRecipe(
      `parameters: {lambda: [0.5]}\nevaluate: {shell: true, command: ${command}, metrics: [score.value]}`,
    );
    expect(m2merge(['sweep', recipe, 'shell', '--quiet'], work).status).toBe(0);
    expect(resultOf('shell').rows[0]!.metrics).toEqual({ 'score.value': 0.25 });
    expect(readdirSync(join(work, 'shell')).some((name) => name.startsWith('.'))).toBe(false);
  });
});

describe('a sweep that was killed', () => {
  it('goes on where it was: the same results, nothing evaluated twice', { timeout: 120_000 }, async () => {
    const sweep = (log: string) =>
      sweepRecipe(
        `parameters: {lambda: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}\nkeep: best\nevaluate: {command: [node, ${EVALUATOR}, "{model}", ${log}], maximize: math}`,
      );
    const undisturbed = sweep(join(work, 'undisturbed.log'));
    expect(m2merge(['sweep', undisturbed, 'undisturbed', '--quiet'], work).status).toBe(0);
    const log = join(work, 'killed.log');
    const killed = sweep(log);
    for (let finished = false, delay = 150; !finished; delay += 60) {
      const child = startM2merge(['sweep', killed, 'killed', '--quiet'], work);
      const timer = setTimeout(() => child.kill('SIGKILL'), delay);
      const [code] = await once(child, 'exit');
      clearTimeout(timer);
      finished = code === 0;
    }
    const timeless = ({ rows, ...result }: SweepResult) => ({
      ...result,
      recipe: '',
      rows: rows.map((row) => ({ ...row, evaluation_seconds: 0 })),
    });
    expect(timeless(resultOf('killed'))).toEqual(timeless(resultOf('undisturbed')));
    const evaluated = rowsOf('killed').filter(({ status }) => status === 'evaluated');
    expect(new Set(evaluated.map(({ id }) => id)).size).toBe(evaluated.length);
    expect(evaluated).toHaveLength(6);
    const folders = (name: string) => readdirSync(join(work, name)).filter((entry) => entry.startsWith('lambda'));
    expect(folders('killed')).toEqual(folders('undisturbed'));
  });

  it('leaves no evaluator behind, and evaluates what was not finished anew', { timeout: 60_000 }, async () => {
    const [pids, ends] = [join(work, 'pids'), join(work, 'ends')];
    writeFileSync(
      join(work, 'slow-then-done.mjs'),
      `import { appendFileSync } from 'node:fs';
appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n');
setTimeout(() => { appendFileSync(${JSON.stringify(ends)}, 'end\\n'); console.log('{"score": 1}'); }, 1500);`,
    );
    const recipe = sweepRecipe('parameters: {lambda: [0.5]}\nevaluate: {command: [node, slow-then-done.mjs]}');
    const child = startM2merge(['sweep', recipe, 'orphaned'], work);
    while (!existsSync(pids) || !readFileSync(pids, 'utf8').includes('\n'))
      await new Promise((next) => setTimeout(next, 20));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const evaluator = Number(readFileSync(pids, 'utf8'));
    const isAlive = () => {
      try {
        return process.kill(evaluator, 0);
      } catch {
        return false;
      }
    };
    while (isAlive()) await new Promise((next) => setTimeout(next, 20));
    expect(existsSync(ends)).toBe(false);
    expect(m2merge(['sweep', recipe, 'orphaned', '--quiet'], work).status).toBe(0);
    expect(resultOf('orphaned').rows[0]!.metrics).toEqual({ score: 1 });
    expect(readFileSync(ends, 'utf8')).toBe('end\n');
  });

  it('takes what an evaluation left that ended while nobody noted it', () => {
    const log = join(work, 'unnoted.log');
    const recipe = sweepRecipe(
      `parameters: {lambda: [0.5]}\nevaluate: {command: [node, ${EVALUATOR}, "{model}", ${log}]}`,
    );
    const plain = JSON.parse(m2merge(['plan', recipe, 'unnoted', '--json'], work).stdout).variants[0];
    // As if m2merge had been killed after the merge was noted and the evaluator had ended.
    const merged = m2merge(['sweep', recipe, 'unnoted', '--quiet'], work);
    expect(merged.status).toBe(0);
    const [first] = rowsOf('unnoted');
    writeFileSync(join(work, 'unnoted/results.jsonl'), `${JSON.stringify(first)}\n`);
    const record = { stdout: '{"math": 0.125}', seconds: 2 };
    writeFileSync(join(work, `unnoted/.${plain.variant}.${plain.id}.evaluation.json`), JSON.stringify(record));
    expect(m2merge(['sweep', recipe, 'unnoted', '--quiet'], work).status).toBe(0);
    expect(resultOf('unnoted').rows[0]).toMatchObject({ metrics: { math: 0.125 }, evaluation_seconds: 2 });
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(1);
    expect(readdirSync(join(work, 'unnoted')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('drops a line that was being written, and refuses one that is damaged', () => {
    const recipe = sweepRecipe('parameters: {lambda: [0.1, 0.2]}');
    expect(m2merge(['sweep', recipe, 'torn', '--quiet'], work).status).toBe(0);
    const results = join(work, 'torn/results.jsonl');
    const whole = readFileSync(results, 'utf8');
    writeFileSync(results, whole.slice(0, -20));
    expect(m2merge(['sweep', recipe, 'torn', '--quiet'], work).status).toBe(0);
    expect(readFileSync(results, 'utf8')).toBe(whole);
    writeFileSync(results, `garbage\n${whole}`);
    const damaged = m2merge(['sweep', recipe, 'torn'], work);
    expect(damaged.status).toBe(4);
    expect(damaged.stderr).toContain('results.jsonl:1 is not a result of a sweep');
  });

  it('by Ctrl-C ends its evaluator and says so', { timeout: 30_000 }, async () => {
    const started = join(work, 'started');
    writeFileSync(
      join(work, 'slow.mjs'),
      `import { writeFileSync } from 'node:fs'; writeFileSync('${started}', String(process.pid)); setInterval(() => {}, 100)`,
    );
    const recipe = sweepRecipe('parameters: {lambda: [0.5]}\nevaluate: {command: [node, slow.mjs]}');
    const child = startM2merge(['sweep', recipe, 'stopped'], work);
    while (!existsSync(started) || readFileSync(started, 'utf8') === '')
      await new Promise((next) => setTimeout(next, 20));
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect(code).toBe(130);
    expect(() => process.kill(Number(readFileSync(started, 'utf8')), 0)).toThrow('ESRCH');
    rmSync(started);
  });
});

describe('a sweep without models', () => {
  it('shows what it would do', () => {
    const run = m2merge(['sweep', sweepRecipe('parameters: {lambda: [0.1, 0.2]}'), 'planned', '--plan'], work);
    expect(run.stdout).toMatch(/waves +1 wave of up to 2, keeps all/);
    expect(existsSync(join(work, 'planned'))).toBe(false);
  });

  it('has its price shown by plan: reads once for all, writes for each, what is left of it', () => {
    const recipe = sweepRecipe('parameters: {lambda: [0.1, 0.2, 0.3], density: [0.5, 0.9]}');
    const plan = () => JSON.parse(m2merge(['plan', recipe, 'priced', '--json'], work).stdout);
    const single = join(work, 'single-plan.yaml');
    writeFileSync(single, RECIPE);
    const one = JSON.parse(m2merge(['plan', single, '--json'], work).stdout).costs;
    const { costs, variants } = plan();
    expect(variants).toHaveLength(6);
    expect(costs).toMatchObject({ open: 6, waves: 1, bytesRead: one.bytesRead, bytesWritten: 6 * one.bytesWritten });
    expect(costs.mergeSeconds).toBeGreaterThan(0);
    expect(m2merge(['sweep', recipe, 'priced', '--quiet'], work).status).toBe(0);
    expect(plan().costs).toMatchObject({ open: 0, waves: 0, bytesRead: 0, bytesWritten: 0, diskBytes: 0 });
  });

  it('finds a mistake of its last variant before the first is merged', () => {
    const sweep =
      'variants: [{trim_scope: tensor}, {trim_scope: model, density: [{filter: mlp, value: 0.1}, {value: 0.5}]}]';
    const run = m2merge(['sweep', sweepRecipe(sweep), 'mistaken'], work);
    expect(run.status).toBe(3);
    expect(run.stderr).toContain('each model has one density');
    expect(existsSync(join(work, 'mistaken'))).toBe(false);
  });

  it('keeps the best only where something tells which it is', () => {
    const run = m2merge(['sweep', sweepRecipe('parameters: {lambda: [0.1]}\nkeep: best'), 'judgeless'], work);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('keep: best needs an evaluation');
  });

  it('is refused by a single merge, and a recipe without one by a sweep', () => {
    const sweep = m2merge([sweepRecipe('parameters: {lambda: [0.1, 0.2]}')], work);
    expect(sweep.status).toBe(3);
    expect(sweep.stderr).toContain('m2merge sweep');
    writeFileSync(join(work, 'plain.yaml'), RECIPE);
    expect(m2merge(['sweep', 'plain.yaml'], work).stderr).toContain('has no sweep');
  });
});
