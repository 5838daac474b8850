/** The interface for optimisers: the protocol itself, and the shipped script over Optuna (where installed) and a stand-in. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import type { SweepRow } from '../../src/sweep/result.js';
import { MAIN, m2mergeProcess, REPOSITORY, spawnM2merge, temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';

const work = temporaryFolder();
const SHAPE = [16, 32] as const;
const base = randomTensor('model.layers.0.mlp.up_proj.weight', SHAPE, 1, 0.02);
writeModel(join(work, 'base'), [base]);
for (const [seed, expert] of ['math', 'code'].entries()) {
  writeModel(join(work, expert), [randomTensor(base.name, SHAPE, 10 + seed, 3e-4, base)]);
}

/** Reads λ out of the model's recipe, notes it, and prints a score that is best at 0.7. */
writeFileSync(
  join(work, 'evaluate.mjs'),
  `import { appendFileSync, readFileSync } from 'node:fs';
const lambda = Number(/lambda: (.*)/.exec(readFileSync(process.argv[2] + '/recipe.yaml', 'utf8'))?.[1]);
appendFileSync(process.argv[3], lambda + '\\n');
if (lambda > 1.4) process.exit(7);
console.log(JSON.stringify({ score: 1 - Math.abs(lambda - 0.7) }));
`,
);
const log = join(work, 'evaluated.log');
const evaluated = () => readFileSync(log, 'utf8').trim().split('\n').map(Number);
writeFileSync(
  join(work, 'recipe.yaml'),
  `merge_method: task_arithmetic
base_model: base
models: [{model: math}, {model: code}]
parameters: {weight: 1}
sweep:
  parameters:
    lambda: {minimum: 0.1, maximum: 1.5}
    merge_method: [task_arithmetic, ties]
    density: [0.5]
  keep: best
  evaluate: {command: [node, evaluate.mjs, "{model}", ${log}], maximize: score}
`,
);

describe('m2merge sweep --ask-tell', () => {
  it('ends with its error though the client keeps its end open', async () => {
    writeModel(join(work, 'gone'), [base]);
    writeFileSync(join(work, 'lost.yaml'), readFileSync(join(work, 'recipe.yaml'), 'utf8').replace('math', 'gone'));
    const child = spawnM2merge(['sweep', 'lost.yaml', 'lost', '--ask-tell'], work);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    rmSync(join(work, 'gone'), { recursive: true });
    child.stdin.write('{"id": 1, "settings": {"lambda": 0.5}}\n');
    expect(await once(child, 'exit')).toEqual([4, null]);
    child.stdin.destroy();
  });

  it('says what may be asked, answers each question, and remembers', async () => {
    const child = spawnM2merge(['sweep', 'recipe.yaml', 'asked', '--ask-tell'], work);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await lines.next()).value!);
    const ask = (question: unknown) => child.stdin.write(`${JSON.stringify(question)}\n`);
    expect(await next()).toEqual({
      event: 'ready',
      space: {
        lambda: { minimum: 0.1, maximum: 1.5, log: false },
        merge_method: { choices: ['task_arithmetic', 'ties'] },
        density: { choices: ['0.5'] },
      },
      objective: { metric: 'score', maximize: true },
    });

    ask({ id: 'first', settings: { lambda: 0.5, merge_method: 'ties', density: 0.5 } });
    const first = await next();
    expect(first).toMatchObject({
      event: 'told',
      id: 'first',
      status: 'evaluated',
      metrics: { score: 0.8 },
      score: 0.8,
    });
    expect(first.settings).toEqual({ lambda: '0.5', merge_method: 'ties', density: '0.5' });
    expect(first.geometry.norm_ratio).toBeGreaterThan(0);

    // Several at once: one that fails, one that is known (task arithmetic has no density), one that makes no sense.
    ask([
      { id: 1, settings: { lambda: 1.45 } },
      { id: 2, settings: { lambda: 0.6, merge_method: 'task_arithmetic', density: 0.5 } },
      { id: 3, settings: { 'models.physics.weight': 1 } },
      { id: 4, settings: 'none' },
      { id: 5, settings: { lamda: 0.5 } },
      { id: 6, settings: JSON.parse('{"__proto__": 1}') },
    ]);
    expect(await next()).toMatchObject({ id: 1, status: 'failed', score: null, problem: 'ended with exit code 7' });
    expect(await next()).toMatchObject({ id: 2, score: 0.9 });
    expect(await next()).toMatchObject({
      event: 'error',
      id: 3,
      message: expect.stringContaining('no model "physics"'),
    });
    expect(await next()).toMatchObject({ event: 'error', id: 4 });
    const unknown = expect.stringMatching(
      /sweep\.lamda: no method has the parameter "lamda" \(did you mean "lambda"\?\)$/,
    );
    expect(await next()).toMatchObject({ event: 'error', id: 5, message: unknown });
    expect(await next()).toMatchObject({ event: 'error', id: 6, message: expect.stringContaining('"__proto__"') });
    child.stdin.write('not json\n');
    expect(await next()).toMatchObject({ event: 'error', id: null });

    ask({ id: 'again', settings: { lambda: '0.5', merge_method: 'ties', density: '0.5' } });
    expect(await next()).toEqual({ ...first, id: 'again' });
    expect(evaluated()).toEqual([0.5, 1.45, 0.6]);

    child.stdin.end();
    const exit = once(child, 'exit');
    const done = await next();
    expect(done).toMatchObject({ event: 'done', best: 'lambda-0.6_merge_method-task_arithmetic' });
    expect(done.rows).toHaveLength(3);
    expect(await exit).toEqual([0, null]);
    const models = readdirSync(join(work, 'asked'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(models.map(({ name }) => name)).toEqual([done.best]);

    // Another time: what is known is answered without a merge, and the best of what is asked is there at the end.
    const later = spawnM2merge(['sweep', 'recipe.yaml', 'asked', '--ask-tell'], work);
    const answers = createInterface({ input: later.stdout })[Symbol.asyncIterator]();
    await answers.next();
    later.stdin.write(
      `${JSON.stringify({ id: 'known', settings: { lambda: 0.5, merge_method: 'ties', density: 0.5 } })}\n`,
    );
    expect(JSON.parse((await answers.next()).value!)).toEqual({ ...first, id: 'known' });
    expect(existsSync(join(work, 'asked', first.variant))).toBe(false);
    later.stdin.end();
    expect(JSON.parse((await answers.next()).value!)).toMatchObject({ event: 'done', best: first.variant });
    expect(existsSync(join(work, 'asked', first.variant))).toBe(true);
    expect(evaluated()).toEqual([0.5, 1.45, 0.6]);

    expect(m2mergeProcess(['sweep', 'recipe.yaml', 'asked', '--best', '--quiet'], work).status).toBe(0);
    expect(readFileSync(join(work, 'asked/best/model.safetensors'))).toEqual(
      readFileSync(join(work, 'asked', first.variant, 'model.safetensors')),
    );

    // What failed in an earlier session is judged again on wish, and once.
    const questions = [1.45, 0.6, 1.45].map((lambda) => JSON.stringify({ id: lambda, settings: { lambda } }));
    const retried = m2mergeProcess(['sweep', 'recipe.yaml', 'asked', '--ask-tell', '--retry', '--quiet'], work, {
      input: `${questions.join('\n')}\n`,
    });
    expect(retried.status).toBe(0);
    expect(evaluated()).toEqual([0.5, 1.45, 0.6, 1.45]);
  });
});

/** As much of Optuna's interface as the script uses, drawing from a seeded generator. */
const OPTUNA = `import random
class samplers:
    class _Sampler:
        def __init__(self, seed, constant_liar=False): self.random = random.Random(seed)
    TPESampler = CmaEsSampler = RandomSampler = _Sampler
class trial:
    class TrialState: FAIL = "fail"
class _Trial:
    def __init__(self, number, rng): self.number, self.rng = number, rng
    def suggest_float(self, name, low, high, log=False): return self.rng.uniform(low, high)
    def suggest_categorical(self, name, choices): return self.rng.choice(choices)
class _Study:
    def __init__(self, direction, sampler): self.rng, self.asked, self.told = sampler.random, 0, []
    def ask(self):
        self.asked += 1
        return _Trial(self.asked - 1, self.rng)
    def tell(self, trial, value=None, state=None):
        assert (value is None) == (state is not None)
        self.told.append(trial.number)
def create_study(direction, sampler):
    assert direction == "maximize"
    return _Study(direction, sampler)
`;
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('recipes/search/optuna_search.py is not tested: there is no python3');

const hasOptuna = hasPython && spawnSync('python3', ['-c', 'import optuna, cmaes']).status === 0;
if (hasPython && !hasOptuna)
  console.warn('recipes/search/optuna_search.py is tested with a stand-in: there is no optuna');

const runScript = (args: readonly string[], env = process.env) =>
  spawnSync(
    'python3',
    [join(REPOSITORY, 'recipes/search/optuna_search.py'), ...args, '--m2merge', `'${process.execPath}' '${MAIN}'`],
    { cwd: work, encoding: 'utf8', env },
  );

describe.skipIf(!hasPython)('the Optuna script', () => {
  it('asks in batches and ends with the best', () => {
    mkdirSync(join(work, 'python'));
    writeFileSync(join(work, 'python/optuna.py'), OPTUNA);
    const environment = { ...process.env, PYTHONPATH: join(work, 'python') };
    const search = (folder: string) => runScript(['recipe.yaml', folder, '--trials', '7', '--batch', '3'], environment);
    const before = evaluated().length;
    const first = search('searched');
    expect(first.stderr).toBe('');
    expect(first.status).toBe(0);
    const { rows, best } = JSON.parse(readFileSync(join(work, 'searched/sweep.json'), 'utf8'));
    expect(rows).toHaveLength(7);
    expect(evaluated().length - before).toBe(7);
    expect(first.stdout).toMatch(new RegExp(`^best ${best}$`, 'm'));
    const again = search('searched');
    expect(again.stdout).toBe(first.stdout);
    expect(evaluated().length - before).toBe(7);
  });

  it.skipIf(!hasOptuna).each(['tpe', 'cmaes'])('searches with Optuna itself: %s', (sampler) => {
    const text = readFileSync(join(work, 'recipe.yaml'), 'utf8')
      .replace('density: [0.5]', 'density: {minimum: 0.05, maximum: 1, log: true}\n    sparsify: [~, {method: dare}]')
      .replace('merge_method: [task_arithmetic, ties]', 'merge_method: [ties]');
    writeFileSync(join(work, `${sampler}.yaml`), text);
    const found = runScript([`${sampler}.yaml`, sampler, '--trials', '12', '--batch', '4', '--sampler', sampler]);
    expect(found.status, found.stderr).toBe(0);
    const { rows, best } = JSON.parse(readFileSync(join(work, sampler, 'sweep.json'), 'utf8'));
    expect(rows).toHaveLength(12);
    const scores = rows.map(({ metrics }: SweepRow) => metrics.score ?? 0);
    expect(rows.find(({ variant }: SweepRow) => variant === best).metrics.score).toBe(Math.max(...scores));
    expect(Math.max(...scores)).toBeGreaterThan(0.9);
  });
});
