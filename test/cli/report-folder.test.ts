/** Where `m2merge geometry --out` writes, and what is left when it cannot. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge } from '../support/cli.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { createWorkplace, expectRefusal } from './workplace.js';

const NAMES = ['geometry.html', 'geometry.json', 'geometry.md'];

describe('the folder of a report', () => {
  it('is made, and its files are replaced', () => {
    const folder = createWorkplace();
    for (let run = 0; run < 2; run++) {
      expect(m2merge(['geometry', 'recipe.yaml', '--out', 'deep/report', '--quiet'], folder)).toMatchObject({
        status: 0,
      });
      expect(readdirSync(join(folder, 'deep/report')).sort()).toEqual(NAMES);
    }
  });

  it('that cannot be is refused before anything is measured', () => {
    const folder = createWorkplace();
    writeFileSync(join(folder, 'file'), '');
    for (const out of ['file', 'file/report']) {
      const says = [/^error: cannot write .*file.*: ENOTDIR$/m];
      expectRefusal(folder, ['geometry', 'recipe.yaml', '--out', out], { status: 5, says });
    }
  });

  it('on a full disk stays as it was', (context) => {
    const disk = mountSmallDisk(context, 1);
    writeFileSync(join(disk, 'geometry.json'), 'old');
    writeFileSync(join(disk, 'filler'), Buffer.alloc(1_015_808));
    const folder = createWorkplace();
    for (const out of [disk, join(disk, 'deep/report')]) {
      const run = m2merge(['geometry', 'recipe.yaml', '--out', out], folder);
      expect(run).toMatchObject({ status: 5, stdout: '' });
      expect(run.stderr).toContain('error: no space left while writing');
      expect(readdirSync(disk).sort()).toEqual(['filler', 'geometry.json']);
      expect(readFileSync(join(disk, 'geometry.json'), 'utf8')).toBe('old');
    }
  });
});

describe('models on the command line', () => {
  it('that are wrong are named without a place in a file that nobody wrote', () => {
    const folder = createWorkplace();
    const missing = { status: 4, says: [/^error: command line: model "nope" not found$/m] };
    expectRefusal(folder, ['diff', 'a', 'nope'], missing);
    const alone = {
      status: 3,
      says: [/^error: command line: base_model: geometry needs at least one model besides the base$/m],
    };
    expectRefusal(folder, ['geometry', '--base', 'a', 'a'], alone);
    expect(existsSync(join(folder, 'merged'))).toBe(false);
  });
});
