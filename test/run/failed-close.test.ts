/** File systems that tell only when a file is closed that what was written had no place (NFS, quotas): no model stands then. */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createWorkplace } from '../cli/workplace.js';
import { MAIN } from '../support/cli.js';

/** Closing fails once for each kind of file that is opened this way: "r+" are outputs, "r" inputs. */
const failing = (flag: string, code: string) => `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { openSync, closeSync } = fs;
const opened = new Set();
fs.openSync = (path, flag, ...more) => {
  const descriptor = openSync(path, flag, ...more);
  if (flag === '${flag}' && /safetensors$/.test(path)) opened.add(descriptor);
  return descriptor;
};
fs.closeSync = (descriptor) => {
  closeSync(descriptor);
  if (opened.delete(descriptor)) throw Object.assign(new Error('${code}'), { code: '${code}', syscall: 'close' });
};
syncBuiltinESMExports();
`;

function mergeWith(flag: string, code: string, ...args: string[]) {
  const folder = createWorkplace();
  const fault = join(folder, 'fault.mjs');
  writeFileSync(fault, failing(flag, code));
  const command = ['--import', fault, MAIN, 'recipe.yaml', 'out', '--quiet', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr, left: readdirSync(folder).sort() };
}

const BEFORE = ['a', 'b', 'base', 'fault.mjs', 'recipe.yaml'];

describe.each([
  ['by two workers', ['--threads', '2']],
  ['by no worker', []],
])('a merge %s', (_, args) => {
  it.each([
    ['EDQUOT', /^error: no space left while writing .*\n(hint: .*\n)?$/],
    ['EIO', /^error: cannot write .*EIO.*\n(hint: .*\n)?$/],
  ])('fails where an output cannot be closed: %s', (code, says) => {
    expect(mergeWith('r+', code, ...args)).toEqual({
      status: 5,
      stdout: '',
      stderr: expect.stringMatching(says),
      left: BEFORE,
    });
  });

  it('ends well where an input cannot be closed', () => {
    expect(mergeWith('r', 'EIO', ...args)).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
      left: [...BEFORE, 'out'].sort(),
    });
  });
});
