/** Sweeps on a disk that holds few models at once: 64 MB of room are counted for each beside its weights. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { SweepResult } from '../../src/sweep/result.js';
import { m2merge } from '../support/command.js';
import { hubVariables } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';
import { encodeSafetensors } from '../support/safetensors.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { createSweepScene } from '../support/sweep-scene.js';

const { work, evaluator, sweepRecipe } = createSweepScene();

const LAMBDAS = 'lambda: [0.1, 0.2, 0.3, 0.4, 0.5]';

const modelsOn = (disk: string) => readdirSync(join(disk, 'out')).filter((name) => name.startsWith('lambda'));
const resultOf = (folder: string): SweepResult => JSON.parse(readFileSync(join(folder, 'sweep.json'), 'utf8'));
const metricsOf = (folder: string) => resultOf(folder).rows.map(({ variant, metrics }) => ({ variant, metrics }));

/** A recipe that sweeps the scales; its evaluator notes the models that lie on the disk while it runs. */
function recipeFor(disk: string, keep: string, seen: string): string {
  const watching = join(work, `watch-${keep}.sh`);
  writeFileSync(
    watching,
    `ls '${join(disk, 'out')}' | grep -c '^lambda' >> '${join(work, seen)}'\nexec sh '${evaluator}' "$@"\n`,
  );
  const command = `[sh, ${watching}, "{model}", ${join(work, `${seen}-judged`)}]`;
  return sweepRecipe(`parameters: {${LAMBDAS}}\nkeep: ${keep}\nevaluate: {command: ${command}, maximize: math}`);
}

const numbersIn = (file: string) => readFileSync(join(work, file), 'utf8').trim().split('\n').map(Number);

it('runs in waves of what fits beside the best, and finds what a large disk finds', async (context) => {
  // Three times 64 MB and some: the best, and two that are judged.
  const disk = mountSmallDisk(context, 200);
  const recipe = recipeFor(disk, 'best', 'beside-best');
  const { status, stderr } = await m2merge(['sweep', recipe, join(disk, 'out')], work);
  expect(status).toBe(0);
  expect(stderr).toContain('wave 3 of 3: merging 1 variant');
  expect(Math.max(...numbersIn('beside-best'))).toBe(3);
  expect(modelsOn(disk)).toEqual([resultOf(join(disk, 'out')).best]);
  expect((await m2merge(['sweep', recipe, 'roomy', '--quiet'], work)).status).toBe(0);
  expect(metricsOf(join(disk, 'out'))).toEqual(metricsOf(join(work, 'roomy')));
});

it('runs one by one where a single model fits and none is kept', async (context) => {
  const disk = mountSmallDisk(context, 100);
  const recipe = recipeFor(disk, 'none', 'alone');
  const { status, stderr } = await m2merge(['sweep', recipe, join(disk, 'out')], work);
  expect({ status, waves: stderr.match(/^wave /gm)?.length }).toEqual({ status: 0, waves: 5 });
  expect(numbersIn('alone')).toEqual([1, 1, 1, 1, 1]);
  expect(modelsOn(disk)).toEqual([]);
});

it('refuses before the first merge what does not fit, and says what would', async (context) => {
  const disk = mountSmallDisk(context, 200);
  const { status, stderr } = await m2merge(['sweep', recipeFor(disk, 'all', 'never'), join(disk, 'out')], work);
  expect(status).toBe(5);
  expect(stderr).toMatch(/5 models to write, .*\nhint: keep: best fits: 3 waves of up to 2 /);
  expect(readdirSync(disk)).toEqual([]);
  expect(existsSync(join(work, 'never'))).toBe(false);
});

it('that fills up between waves ends the sweep, which goes on when there is room', async (context) => {
  const disk = mountSmallDisk(context, 200);
  const filler = join(disk, 'filler');
  const judged = join(work, 'filled-judged');
  const filling = join(work, 'fill.sh');
  // The third evaluation leaves less room than a model takes.
  writeFileSync(
    filling,
    `sh '${evaluator}' "$@"
if [ $(wc -l < '${judged}') -eq 3 ]; then head -c 150000000 /dev/zero > '${filler}'; fi
`,
  );
  const command = `[sh, ${filling}, "{model}", ${judged}]`;
  const recipe = sweepRecipe(`parameters: {${LAMBDAS}}\nkeep: best\nevaluate: {command: ${command}, maximize: math}`);
  const full = await m2merge(['sweep', recipe, join(disk, 'out'), '--quiet'], work);
  expect(full.status).toBe(5);
  expect(full.stderr).toMatch(/not enough space/);
  expect(modelsOn(disk).length).toBeLessThanOrEqual(2);
  rmSync(filler);
  expect((await m2merge(['sweep', recipe, join(disk, 'out'), '--quiet'], work)).status).toBe(0);
  const names = readFileSync(judged, 'utf8').trim().split('\n');
  expect(new Set(names).size).toBe(5);
  expect(names).toHaveLength(5);
  expect(modelsOn(disk)).toEqual([resultOf(join(disk, 'out')).best]);
  expect(readdirSync(join(disk, 'out')).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('leaves room for the models that are fetched onto the same disk', async (context) => {
  // Three models of 20 MB and one of 20 + 64 MB fit; without the sources to come, two would.
  const disk = mountSmallDisk(context, 200);
  const hub = await LoopbackHub.start();
  onTestFinished(() => hub.close());
  const tensor = { name: 'w', dtype: 'BF16', shape: [10_000_000], bytes: new Uint8Array(20_000_000) };
  for (const model of ['base', 'math', 'code']) {
    hub.add(`org/${model}`, [
      memoryFile('model.safetensors', encodeSafetensors([tensor])),
      memoryFile('config.json', '{}'),
    ]);
  }
  const [base, ...models] = ['org/base', 'org/math', 'org/code'];
  const sweep = {
    parameters: { lambda: [0.1, 0.2] },
    keep: 'none',
    evaluate: { command: ['node', '-e', 'console.log("{}")'] },
  };
  const recipe = {
    merge_method: 'task_arithmetic',
    base_model: base,
    models: models.map((model) => ({ model })),
    parameters: { weight: 1 },
    sweep,
  };
  writeFileSync(join(work, 'hub.yaml'), JSON.stringify(recipe));
  const variables = hubVariables(hub, join(disk, 'home'));
  const wavesOf = async (): Promise<unknown> => {
    const { stdout } = await m2merge(['plan', 'hub.yaml', join(disk, 'out'), '--json'], work, variables);
    return JSON.parse(stdout).costs.waves;
  };
  expect(await wavesOf()).toBe(2);
  expect((await m2merge(['pull', 'org/base', 'org/math', 'org/code'], work, variables)).status).toBe(0);
  expect(await wavesOf()).toBe(2);
  // Elsewhere they take nothing of it.
  variables.HF_HOME = join(work, 'home');
  rmSync(join(disk, 'home'), { recursive: true });
  expect(await wavesOf()).toBe(1);
});

it('loses no evaluation to a disk that fills up meanwhile: it is no failure of the evaluator', async (context) => {
  const disk = mountSmallDisk(context, 200);
  const filling = join(work, 'filling.mjs');
  const filler = join(disk, 'filler');
  writeFileSync(
    filling,
    `import { appendFileSync } from 'node:fs';
try { for (;;) appendFileSync(${JSON.stringify(filler)}, Buffer.alloc(1_000_000)); } catch {}
try { for (;;) appendFileSync(${JSON.stringify(filler)}, 'x'); } catch {}
console.log('{"math": 1}');`,
  );
  const recipe = sweepRecipe(
    `parameters: {lambda: [0.1, 0.2]}\nevaluate: {command: [node, ${filling}, "{model}"], maximize: math}`,
  );
  const out = join(disk, 'out');
  const { status, stderr } = await m2merge(['sweep', recipe, out, '--quiet'], work);
  expect({ status, stderr }).toEqual({
    status: 5,
    stderr: expect.stringMatching(/^error: no space left while writing/),
  });
  expect(readdirSync(out).filter((name) => /part|tmp/.test(name) || name === 'sweep.json')).toEqual([]);
  rmSync(filler);
  // Only what was not noted is judged; by then there is room.
  writeFileSync(filling, 'console.log(\'{"math": 2}\');');
  expect(await m2merge(['sweep', recipe, out, '--quiet'], work)).toMatchObject({ status: 0 });
  expect(metricsOf(out).map(({ metrics }) => metrics)).toEqual([{ math: 2 }, { math: 2 }]);
});
