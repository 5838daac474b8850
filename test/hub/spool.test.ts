/** The spool: every lease holds the right bytes, whatever its size and the order of reads, and it stays within bounds. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { RemoteFile } from '../../src/hub/range.js';
import { leastCapacity, Spool } from '../../src/hub/spool.js';
import { SegmentTable, type SpoolRange } from '../../src/hub/spool-segments.js';
import { SpoolSpace } from '../../src/hub/spool-space.js';
import { createRandom } from '../support/random-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A file whose byte at each position follows from both; counts what is fetched. */
class NumberedFile {
  readonly number: number;
  fetched = 0;
  readonly #random: () => number;

  constructor(number: number) {
    this.number = number;
    this.#random = createRandom(number);
  }

  byteAt(position: number): number {
    return (this.number * 101 + position * 7 + (position >> 8)) & 0xff;
  }

  async transfer(
    begin: number,
    end: number,
    sink: (chunk: Uint8Array, position: number) => Promise<void>,
  ): Promise<void> {
    await delay(Math.floor(3 * this.#random()));
    for (let at = begin; at < end; at += 50) {
      const chunk = Uint8Array.from({ length: Math.min(50, end - at) }, (_, i) => this.byteAt(at + i));
      this.fetched += chunk.length;
      await sink(chunk, at);
    }
  }
}

const UNIT = 100;
const UNITS = 40;
const FILES = 3;

/** Tasks of a run: each reads one unit of every file. */
const tasks: SpoolRange[][] = Array.from({ length: UNITS }, (_, unit) =>
  Array.from({ length: FILES }, (_, file) => ({ file, begin: 8 + UNIT * unit, end: 8 + UNIT * (unit + 1) })),
);

async function run(capacity: number, passes: readonly boolean[]) {
  const files = Array.from({ length: FILES }, (_, number) => new NumberedFile(number));
  const table = new SegmentTable(tasks.flat(), 3 * UNIT);
  expect(capacity).toBeGreaterThanOrEqual(leastCapacity(table, FILES));
  const path = join(temporaryFolder(), 'spool');
  const spool = await Spool.open({
    path,
    capacity,
    table,
    files: new Map(files.map((file) => [file.number, file as unknown as RemoteFile])),
  });
  spool.start();
  let largest = 0;
  for (const again of passes) {
    await Promise.all(
      tasks.map(async (ranges, i) => {
        const lease = await spool.acquire(ranges);
        await delay(i % 3);
        const bytes = readFileSync(path);
        largest = Math.max(largest, statSync(path).size);
        ranges.forEach(({ file, begin, end }, r) => {
          const place = lease.places[r]!;
          const expected = Array.from({ length: end - begin }, (_, k) => files[file]!.byteAt(begin + k));
          expect([...bytes.subarray(place, place + end - begin)]).toEqual(expected);
        });
        lease.release(again);
      }),
    );
  }
  await spool.close();
  expect(() => statSync(path)).toThrow(/ENOENT/);
  return { fetched: files.map(({ fetched }) => fetched), largest };
}

const ALL = UNIT * UNITS;

describe('spool', () => {
  it('fetches every byte once in one pass, in little room', async () => {
    const { fetched, largest } = await run(2000, [false]);
    expect(fetched).toEqual([ALL, ALL, ALL]);
    expect(largest).toBeLessThanOrEqual(2000);
  });

  it('fetches once for several passes when all fits', async () => {
    expect((await run(FILES * ALL, [false, false, true, false])).fetched).toEqual([ALL, ALL, ALL]);
  });

  it('fetches again what a further pass over more than its room needs, and comes to an end', async () => {
    const { fetched, largest } = await run(1800, [true, true, false, false]);
    for (const bytes of fetched) expect(bytes).toBeLessThanOrEqual(4 * ALL);
    expect(largest).toBeLessThanOrEqual(1800);
  });

  it('rejects what waits, and what comes later, with the first failure', async () => {
    const table = new SegmentTable(tasks.flat(), UNIT);
    const failing = {
      transfer: async () => {
        throw new Error('cut off');
      },
    } as unknown as RemoteFile;
    const path = join(temporaryFolder(), 'spool');
    const files = new Map([0, 1, 2].map((number) => [number, failing] as const));
    const spool = await Spool.open({ path, capacity: 2000, table, files });
    await expect(spool.acquire(tasks[0]!)).rejects.toThrow('cut off');
    await expect(spool.acquire(tasks[1]!)).rejects.toThrow('cut off');
    await spool.close();
  });

  it('joins neighbouring ranges only, each file for itself', () => {
    const range = (file: number, begin: number, end: number): SpoolRange => ({ file, begin, end });
    const table = new SegmentTable(
      [range(0, 0, 10), range(1, 0, 10), range(0, 10, 20), range(0, 30, 40), range(0, 40, 55), range(0, 0, 10)],
      25,
    );
    expect(table.segments.map(({ file, begin, end, ranges }) => [file, begin, end, ranges])).toEqual([
      [0, 0, 20, 2],
      [1, 0, 10, 1],
      [0, 30, 55, 2],
    ]);
    expect(table.bytes).toBe(55);
  });

  it('never gives the same room twice, and gives all of it back', () => {
    const space = new SpoolSpace(1000);
    const random = createRandom(7);
    const taken: { begin: number; length: number }[] = [];
    const used = new Uint8Array(1000);
    for (let i = 0; i < 2000; i++) {
      const length = 1 + Math.floor(60 * random());
      const begin = random() < 0.6 ? space.take(length) : undefined;
      if (begin !== undefined) {
        expect(used.subarray(begin, begin + length).every((byte) => byte === 0)).toBe(true);
        used.fill(1, begin, begin + length);
        taken.push({ begin, length });
      } else if (taken.length > 0) {
        const [one] = taken.splice(Math.floor(random() * taken.length), 1);
        used.fill(0, one!.begin, one!.begin + one!.length);
        space.give(one!.begin, one!.length);
      }
    }
    for (const { begin, length } of taken) space.give(begin, length);
    expect(space.take(1000)).toBe(0);
  });
});
