/** Evaluations side by side: as many as asked for, never more, with the same outcome as one after the other. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startM2merge } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { createSweepScene } from '../support/sweep-scene.js';

const { work, evaluator, sweepRecipe, resultOf, rowsOf } = createSweepScene();

const LAMBDAS = 'parameters: {lambda: [0.1, 0.2, 0.3, 0.4, 0.5]}';

const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);

/** A sweep whose evaluators end only when three of them have been started. */
function meetingRecipe(parallel: number, log: string): string {
  const meeting = join(work, `meet-${parallel}.sh`);
  writeFileSync(
    meeting,
    `echo begin >> '${log}'
while [ $(grep -c begin '${log}') -lt 3 ]; do sleep 0.02; done
sh '${evaluator}' "$@"
echo end >> '${log}'
`,
  );
  const command = `[sh, ${meeting}, "{model}", ${log}-judged]`;
  return sweepRecipe(
    `${LAMBDAS}\nkeep: best\nevaluate: {command: ${command}, maximize: math, parallel: ${parallel}, timeout: 60}`,
  );
}

it('run three at once, and one after the other find the same', async () => {
  const log = join(work, 'three.log');
  expect((await m2merge(['sweep', meetingRecipe(3, log), 'three', '--quiet'], work)).status).toBe(0);
  let running = 0;
  const counts = linesOf(log).map((word) => (running += word === 'begin' ? 1 : -1));
  expect(Math.max(...counts)).toBe(3);
  const command = `[sh, ${evaluator}, "{model}", ${join(work, 'one.log')}]`;
  const recipe = sweepRecipe(`${LAMBDAS}\nkeep: best\nevaluate: {command: ${command}, maximize: math}`);
  expect((await m2merge(['sweep', recipe, 'one', '--quiet'], work)).status).toBe(0);
  const found = (folder: string) =>
    resultOf(folder).rows.map(({ variant, status, metrics }) => [variant, status, metrics]);
  expect(found('three')).toEqual(found('one'));
  const models = (folder: string) => readdirSync(join(work, folder)).filter((name) => name.startsWith('lambda'));
  expect(models('three')).toEqual([resultOf('one').best]);
  expect(rowsOf('three').filter(({ status }) => status === 'evaluated')).toHaveLength(5);
});

it('all end with the sweep, also those that run beside the one that is waited for', async () => {
  const pids = join(work, 'pids');
  const endless = join(work, 'endless.mjs');
  writeFileSync(
    endless,
    `import { appendFileSync } from 'node:fs';
appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n');
setInterval(() => {}, 1000);`,
  );
  const recipe = sweepRecipe(`${LAMBDAS}\nevaluate: {command: [node, ${endless}], parallel: 4}`);
  const child = startM2merge(['sweep', recipe, 'endless', '--quiet'], work);
  while (linesOf(pids).length < 4) await delay(20);
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  expect(code).toBe(130);
  const started = linesOf(pids);
  expect(started).toHaveLength(4);
  for (const pid of started) expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
});

it('take a failure of one as a row, while the others go on', async () => {
  const mixed = join(work, 'mixed.mjs');
  writeFileSync(
    mixed,
    `const lambda = Number(process.argv[2].split('-').at(-1));
if (lambda === 0.2) process.exit(7);
if (lambda === 0.4) setInterval(() => {}, 1000);
else console.log(JSON.stringify({ score: lambda }));`,
  );
  const command = `[node, ${mixed}, "{model}"]`;
  const recipe = sweepRecipe(`${LAMBDAS}\nkeep: best\nevaluate: {command: ${command}, parallel: 4, timeout: 3}`);
  expect((await m2merge(['sweep', recipe, 'mixed', '--quiet'], work)).status).toBe(0);
  const { rows, best } = resultOf('mixed');
  const failed = rows.filter(({ status }) => status === 'failed').map(({ variant, problem }) => [variant, problem]);
  expect(failed).toEqual([
    ['lambda-0.2', expect.stringContaining('7')],
    ['lambda-0.4', expect.stringContaining('3 s')],
  ]);
  expect(rows.filter(({ status }) => status === 'evaluated').map(({ metrics }) => metrics.score)).toEqual([
    0.1, 0.3, 0.5,
  ]);
  expect(best).toBe('lambda-0.5');
});
