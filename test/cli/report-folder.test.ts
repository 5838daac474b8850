/** Where `m2merge geometry --out` writes, and what is left when it cannot. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeReportFolder } from '../../src/cli/report-folder.js';
import { sampleGeometry } from '../report/sample-geometry.js';
import { m2mergeProcess, startM2merge } from '../support/cli.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { createWorkplace, expectRefusal } from './workplace.js';

const NAMES = ['geometry.html', 'geometry.json', 'geometry.md'];

describe('the folder of a report', () => {
  it('is made, and its files are replaced', () => {
    const folder = createWorkplace();
    for (let run = 0; run < 2; run++) {
      expect(m2mergeProcess(['geometry', 'recipe.yaml', '--out', 'deep/report', '--quiet'], folder)).toMatchObject({
        status: 0,
      });
      expect(readdirSync(join(folder, 'deep/report')).sort()).toEqual(NAMES);
    }
  });

  it('that cannot be is refused before anything is measured', async () => {
    const folder = createWorkplace();
    writeFileSync(join(folder, 'file'), '');
    for (const out of ['file', 'file/report']) {
      const says = [/^error: cannot write .*file.*: ENOTDIR$/m];
      await expectRefusal(folder, ['geometry', 'recipe.yaml', '--out', out], { status: 5, says });
    }
  });

  it('may be that of several runs at once', async () => {
    const folder = createWorkplace();
    const runs = [1, 2, 3, 4].map(() =>
      startM2merge(['geometry', 'recipe.yaml', '--out', 'report', '--quiet'], folder),
    );
    const codes = await Promise.all(runs.map(async (run) => (await once(run, 'close'))[0]));
    expect(codes).toEqual([0, 0, 0, 0]);
    expect(readdirSync(join(folder, 'report')).sort()).toEqual(NAMES);
  });

  it('is left as it was by a signal while it is written', async () => {
    const folder = temporaryFolder();
    const interrupted = new Error('interrupted');
    const signal = AbortSignal.abort(interrupted);
    const report = join(folder, 'deep/report');
    await expect(writeReportFolder(report, sampleGeometry(), signal)).rejects.toBe(interrupted);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('on a full disk stays as it was', (context) => {
    const disk = mountSmallDisk(context, 1);
    writeFileSync(join(disk, 'geometry.json'), 'old');
    writeFileSync(join(disk, 'filler'), Buffer.alloc(1_015_808));
    const folder = createWorkplace();
    for (const out of [disk, join(disk, 'deep/report')]) {
      const run = m2mergeProcess(['geometry', 'recipe.yaml', '--out', out], folder);
      expect(run).toMatchObject({ status: 5, stdout: '' });
      expect(run.stderr).toContain('error: no space left while writing');
      expect(readdirSync(disk).sort()).toEqual(['filler', 'geometry.json']);
      expect(readFileSync(join(disk, 'geometry.json'), 'utf8')).toBe('old');
    }
  });
});

describe('models on the command line', () => {
  it('that are wrong are named without a place in a file that nobody wrote', async () => {
    const folder = createWorkplace();
    const missing = { status: 4, says: [/^error: command line: model "nope" not found$/m] };
    await expectRefusal(folder, ['diff', 'a', 'nope'], missing);
    const alone = {
      status: 3,
      says: [/^error: command line: base_model: geometry needs at least one model besides the base$/m],
    };
    await expectRefusal(folder, ['geometry', '--base', 'a', 'a'], alone);
    expect(existsSync(join(folder, 'merged'))).toBe(false);
  });
});
