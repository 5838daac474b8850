/** Sweeps that were killed or stopped go on where they were. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { SweepResult } from '../../src/sweep/result.js';
import { startM2merge } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { createSweepScene, SWEEP_BASE } from '../support/sweep-scene.js';

const { work, evaluator, sweepRecipe, resultOf, rowsOf } = createSweepScene();

/** Waits until there is no such process. */
async function endOf(pid: number): Promise<void> {
  const isAlive = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  while (isAlive()) await new Promise((next) => setTimeout(next, 20));
}

describe('a sweep that was killed', () => {
  it('goes on where it was: the same results, nothing evaluated twice', async () => {
    const sweep = (log: string) =>
      sweepRecipe(
        `parameters: {lambda: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}\nkeep: best\nevaluate: {command: [sh, ${evaluator}, "{model}", ${log}], maximize: math}`,
      );
    const undisturbed = sweep(join(work, 'undisturbed.log'));
    expect((await m2merge(['sweep', undisturbed, 'undisturbed', '--quiet'], work)).status).toBe(0);
    const log = join(work, 'killed.log');
    const killed = sweep(log);
    for (let finished = false, delay = 200; !finished; delay += 150) {
      const child = startM2merge(['sweep', killed, 'killed', '--quiet'], work);
      const timer = setTimeout(() => child.kill('SIGKILL'), delay);
      const [code, signal] = await once(child, 'exit');
      clearTimeout(timer);
      expect(code === 0 || signal === 'SIGKILL').toBe(true);
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
    const folders = (name: string) => readdirSync(join(work, name)).sort();
    expect(folders('killed')).toEqual(folders('undisturbed'));
  });

  it('does not take what an evaluator wrote that was ended for the result of the next', async () => {
    const hanging = join(work, 'hanging.mjs');
    writeFileSync(
      hanging,
      `import fs from 'node:fs';\nfs.writeFileSync(process.argv[2], '{"score": 999}');\nsetTimeout(() => {}, 60_000);\n`,
    );
    const recipe = sweepRecipe('parameters: {lambda: [0.3]}');
    const args = (command: string) => ['sweep', recipe, 'ended', '--quiet', '--evaluate', command];
    const child = startM2merge(args(`node ${hanging} {output} {model}`), work);
    const isWritten = () =>
      existsSync(join(work, 'ended')) &&
      readdirSync(join(work, 'ended')).some((name) => name.endsWith('.metrics.json'));
    while (!isWritten()) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(130);
    expect(isWritten()).toBe(true);
    const printing = join(work, 'printing.mjs');
    writeFileSync(printing, `console.log('{"score": 1}');\n`);
    expect((await m2merge(args(`node ${printing} {model}`), work)).status).toBe(0);
    expect(resultOf('ended').rows.map(({ metrics }) => metrics)).toEqual([{ score: 1 }]);
  });

  it('takes over the models that it finished but could not note, and nothing else', async () => {
    const recipe = sweepRecipe('parameters: {lambda: [0.1, 0.2]}');
    const run = () => m2merge(['sweep', recipe, 'unnoted', '--quiet'], work);
    expect((await run()).status).toBe(0);
    const results = join(work, 'unnoted', 'results.jsonl');
    const noted = readFileSync(results, 'utf8');
    writeFileSync(results, '');
    expect((await run()).status).toBe(0);
    expect(readFileSync(results, 'utf8')).toBe(noted);

    writeFileSync(results, '');
    const model = join(work, 'unnoted', 'lambda-0.2');
    rmSync(model, { recursive: true });
    writeFileSync(join(work, 'foreign.yaml'), `${SWEEP_BASE}seed: 9\n`);
    expect((await m2merge(['foreign.yaml', model, '--quiet'], work)).status).toBe(0);
    const before = readFileSync(join(model, 'model.safetensors'));
    expect(await run()).toMatchObject({ status: 5, stderr: expect.stringContaining('output folder already exists') });
    expect(readFileSync(join(model, 'model.safetensors')).equals(before)).toBe(true);
  });

  it('leaves no evaluator behind, and evaluates what was not finished anew', async () => {
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
    await endOf(evaluator);
    expect(existsSync(ends)).toBe(false);
    expect((await m2merge(['sweep', recipe, 'orphaned', '--quiet'], work)).status).toBe(0);
    expect(resultOf('orphaned').rows[0]!.metrics).toEqual({ score: 1 });
    expect(readFileSync(ends, 'utf8')).toBe('end\n');
  });

  it('takes what an evaluation left that ended while nobody noted it', async () => {
    const log = join(work, 'unnoted.log');
    const recipe = sweepRecipe(
      `parameters: {lambda: [0.5]}\nevaluate: {command: [sh, ${evaluator}, "{model}", ${log}]}`,
    );
    const plain = JSON.parse((await m2merge(['plan', recipe, 'unnoted', '--json'], work)).stdout).variants[0];
    // As if m2merge had been killed after the merge was noted and the evaluator had ended.
    const merged = await m2merge(['sweep', recipe, 'unnoted', '--quiet'], work);
    expect(merged.status).toBe(0);
    const [first] = rowsOf('unnoted');
    writeFileSync(join(work, 'unnoted/results.jsonl'), `${JSON.stringify(first)}\n`);
    const command = ['sh', evaluator, join(work, 'unnoted', plain.variant), log];
    const leave = (by: readonly string[], score: number): void => {
      const record = { command: by, stdout: `{"math": ${score}}`, seconds: 2 };
      writeFileSync(join(work, `unnoted/.${plain.variant}.${plain.id}.evaluation.json`), JSON.stringify(record));
    };
    leave(command, 0.125);
    expect((await m2merge(['sweep', recipe, 'unnoted', '--quiet'], work)).status).toBe(0);
    expect(resultOf('unnoted').rows[0]).toMatchObject({ metrics: { math: 0.125 }, evaluation_seconds: 2 });
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(1);
    expect(readdirSync(join(work, 'unnoted')).filter((name) => name.startsWith('.'))).toEqual([]);
    // What another command left says nothing of this one.
    writeFileSync(join(work, 'unnoted/results.jsonl'), `${JSON.stringify(first)}\n`);
    leave(['other', ...command], 9);
    expect((await m2merge(['sweep', recipe, 'unnoted', '--quiet'], work)).status).toBe(0);
    expect(resultOf('unnoted').rows[0]!.metrics.math).not.toBe(9);
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('drops a line that was being written, and refuses one that is damaged', async () => {
    const recipe = sweepRecipe('parameters: {lambda: [0.1, 0.2]}');
    expect((await m2merge(['sweep', recipe, 'torn', '--quiet'], work)).status).toBe(0);
    const results = join(work, 'torn/results.jsonl');
    const whole = readFileSync(results, 'utf8');
    writeFileSync(results, whole.slice(0, -20));
    expect((await m2merge(['sweep', recipe, 'torn', '--quiet'], work)).status).toBe(0);
    expect(readFileSync(results, 'utf8')).toBe(whole);
    writeFileSync(results, `garbage\n${whole}`);
    const damaged = await m2merge(['sweep', recipe, 'torn'], work);
    expect(damaged.status).toBe(4);
    expect(damaged.stderr).toContain('results.jsonl:1 is not a result of a sweep');
  });

  it('by Ctrl-C ends its evaluator and says so', async () => {
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
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect(code).toBe(130);
    expect(stderr).toContain('error: stopped by SIGINT; the same command goes on where it was\n');
    expect(() => process.kill(Number(readFileSync(started, 'utf8')), 0)).toThrow('ESRCH');
    rmSync(started);
  });

  it.each(['by Ctrl-C', 'by its timeout'])(
    '%s ends what its evaluator started, and which does not listen',
    async (how) => {
      const started = join(work, 'deaf-started');
      rmSync(started, { force: true });
      const deaf = `process.on('SIGTERM', () => {}); require('node:fs').writeFileSync(${JSON.stringify(started)}, String(process.pid)); setInterval(() => {}, 100)`;
      writeFileSync(
        join(work, 'starts-deaf.mjs'),
        `import { spawn } from 'node:child_process';
spawn(process.execPath, ['-e', ${JSON.stringify(deaf)}], { stdio: 'ignore' });
setInterval(() => {}, 100);`,
      );
      const timeout = how === 'by Ctrl-C' ? 600 : 2;
      const recipe = sweepRecipe(
        `parameters: {lambda: [0.5]}\nevaluate: {command: [node, starts-deaf.mjs], timeout: ${timeout}}`,
      );
      const child = startM2merge(['sweep', recipe, how], work);
      while (!existsSync(started) || readFileSync(started, 'utf8') === '')
        await new Promise((next) => setTimeout(next, 20));
      if (how === 'by Ctrl-C') child.kill('SIGINT');
      expect(await once(child, 'close')).toEqual([how === 'by Ctrl-C' ? 130 : 7, null]);
      // It has been ended by then, and is there until somebody takes note of it.
      await endOf(Number(readFileSync(started, 'utf8')));
    },
  );
});
