/** The log that a sweep goes on from. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { thisProcess } from '../../src/io/owner.js';
import type { SweepRow } from '../../src/sweep/result.js';
import { ResultsLog } from '../../src/trial/results-log.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const rowOf = (id: string, recipe = ''): SweepRow => ({
  ...{ variant: id, id, settings: {}, recipe, status: 'merged', metrics: {}, geometry: null },
  evaluation_seconds: null,
});

const PAGE = 4096;

it('stays readable on a disk that was full for a line', async (context) => {
  const disk = mountSmallDisk(context, 1);
  const log = await ResultsLog.open(disk);
  await log.append(rowOf('first'));
  const filler = join(disk, 'filler');
  expect(() => writeFileSync(filler, Buffer.alloc(2 ** 20))).toThrow('ENOSPC');
  // One page is left: a third of the line fits.
  truncateSync(filler, 2 ** 20 - 8 * PAGE);
  for (let pages = 0; ; pages++) {
    try {
      writeFileSync(join(disk, `page-${pages}`), Buffer.alloc(PAGE));
    } catch {
      rmSync(join(disk, `page-${pages - 1}`));
      break;
    }
  }
  const [torn, behind] = [log.append(rowOf('torn', 'x'.repeat(3 * PAGE))), log.append(rowOf('behind'))];
  await expect(torn).rejects.toMatchObject({ kind: 'disk-full' });
  await expect(behind).rejects.toMatchObject({ kind: 'disk-full' });
  rmSync(filler);
  await expect(log.append(rowOf('later'))).rejects.toMatchObject({ kind: 'disk-full' });
  await log.close();
  const again = await ResultsLog.open(disk);
  await again.append(rowOf('again'));
  await again.close();
  expect([...(await ResultsLog.read(disk)).keys()]).toEqual(['first', 'again']);
});

it('is of one sweep at a time', async () => {
  const folder = temporaryFolder();
  const log = await ResultsLog.open(folder);
  await expect(ResultsLog.open(folder)).rejects.toMatchObject({ kind: 'sweep-running', facts: { folder } });
  await log.close();
  expect(readdirSync(folder)).toEqual(['results.jsonl']);
  // A process that was killed leaves its lock, and no id is as high as this one.
  const { place } = thisProcess();
  writeFileSync(join(folder, '.m2merge-sweep.lock'), JSON.stringify({ place, pid: 2 ** 22 + 1, id: 'x' }));
  await (await ResultsLog.open(folder)).close();
  expect(readdirSync(folder)).toEqual(['results.jsonl']);
});

it('is not taken from a sweep that was stopped for a while, but from one whose id another process has', async () => {
  const folder = temporaryFolder();
  const log = await ResultsLog.open(folder);
  const lock = join(folder, '.m2merge-sweep.lock');
  utimesSync(lock, new Date(0), new Date(0));
  await expect(ResultsLog.open(folder)).rejects.toMatchObject({ kind: 'sweep-running' });
  const mark = JSON.parse(readFileSync(lock, 'utf8'));
  await log.close();
  // Linux tells when processes began; elsewhere time alone tells.
  expect(mark.started === undefined).toBe(process.platform !== 'linux');
  writeFileSync(lock, JSON.stringify({ ...mark, started: '1' }));
  utimesSync(lock, new Date(0), new Date(0));
  await (await ResultsLog.open(folder)).close();
});

it('is taken from a sweep that has ended though nobody has taken note of it', async (context) => {
  // A shell that becomes another program does not wait for what it started.
  const shell = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 30']);
  context.onTestFinished(() => void shell.kill());
  const pid = Number((await once(shell.stdout, 'data'))[0]);
  const stateOf = (): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0]!;
  if (process.platform !== 'linux') return context.skip();
  while (stateOf() !== 'Z') await new Promise((resolve) => setTimeout(resolve, 20));
  const folder = temporaryFolder();
  writeFileSync(join(folder, '.m2merge-sweep.lock'), JSON.stringify({ place: thisProcess().place, pid, id: 'x' }));
  await (await ResultsLog.open(folder)).close();
});

it('waits for signs of life of a sweep on another host', async () => {
  const folder = temporaryFolder();
  const lock = join(folder, '.m2merge-sweep.lock');
  writeFileSync(lock, JSON.stringify({ place: 'elsewhere', pid: process.pid, id: 'x' }));
  const opened = expect(ResultsLog.open(folder)).rejects.toMatchObject({ kind: 'sweep-running' });
  const beat = setInterval(() => utimesSync(lock, new Date(), new Date()), 50);
  await opened;
  clearInterval(beat);
  // It has been silent for longer than any that lives.
  utimesSync(lock, new Date(0), new Date(0));
  await (await ResultsLog.open(folder)).close();
});

it('has a lock that was never finished taken away, and one that cannot be read told', async () => {
  const folder = temporaryFolder();
  const lock = join(folder, '.m2merge-sweep.lock');
  writeFileSync(lock, '');
  const halfAMinuteAgo = new Date(Date.now() - 30_000);
  utimesSync(lock, halfAMinuteAgo, halfAMinuteAgo);
  await (await ResultsLog.open(folder)).close();
  mkdirSync(lock);
  const facts = { path: lock, reason: 'EISDIR' };
  await expect(ResultsLog.open(folder)).rejects.toMatchObject({ kind: 'output-unwritable', facts });
});

it('stops to wait for another host when it is told to', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, '.m2merge-sweep.lock'), JSON.stringify({ place: 'elsewhere', pid: 1, id: 'x' }));
  const interrupted = new Error('interrupted');
  const controller = new AbortController();
  setTimeout(() => controller.abort(interrupted), 50);
  let told = 0;
  const options = { signal: controller.signal, onWait: () => told++ };
  await expect(ResultsLog.open(folder, options)).rejects.toBe(interrupted);
  expect(told).toBe(1);
});

it('that cannot be read is a fault of the folder', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'results.jsonl'));
  const facts = { path: join(folder, 'results.jsonl'), reason: 'EISDIR' };
  await expect(ResultsLog.read(folder)).rejects.toMatchObject({ kind: 'file-unreadable', facts });
});

it('is not written to where nobody would find it', async () => {
  const folder = join(temporaryFolder(), 'sweep');
  const log = await ResultsLog.open(folder);
  await log.append(rowOf('first'));
  rmSync(folder, { recursive: true });
  const gone = { kind: 'output-unwritable', facts: { path: folder } };
  await expect(log.append(rowOf('second'))).rejects.toMatchObject(gone);
  expect([...log.rows.keys()]).toEqual(['first']);
  await log.close();
  // Another sweep has begun there meanwhile, or somebody brought back a copy.
  const other = await ResultsLog.open(folder);
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  writeFileSync(join(folder, 'results.jsonl'), '');
  await expect(other.append(rowOf('third'))).rejects.toMatchObject(gone);
  await other.close();
  expect(readFileSync(join(folder, 'results.jsonl'), 'utf8')).toBe('');
});
