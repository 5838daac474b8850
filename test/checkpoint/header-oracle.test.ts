/** Holds the corpus against the reference implementation itself, where its Python wheel is installed. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ACCEPTED } from './accepted-files.js';
import { REFUSED } from './refused-files.js';

const JUDGE = `
import base64, json, sys, safetensors
def accepts(data):
    try:
        safetensors.deserialize(data)
        return True
    except safetensors.SafetensorError:
        return False
print(json.dumps([accepts(base64.b64decode(line)) for line in sys.stdin.read().split("\\n")]))
`;

const installed = spawnSync('python3', ['-c', 'import safetensors']).status === 0;

test.skipIf(!installed)('the reference agrees on every file (skipped without the Python package safetensors)', () => {
  const files = [...REFUSED.map(({ file }) => file), ...ACCEPTED.map(({ file }) => file)];
  const input = files.map((file) => Buffer.from(file).toString('base64')).join('\n');
  const { stdout, stderr } = spawnSync('python3', ['-c', JUDGE], { input, encoding: 'utf8', maxBuffer: 1 << 24 });
  expect(stderr).toBe('');
  const names = [...REFUSED, ...ACCEPTED].map(({ name }) => name);
  const expected = [...REFUSED.map(({ stricter }) => stricter === true), ...ACCEPTED.map(() => true)];
  expect(Object.fromEntries((JSON.parse(stdout) as boolean[]).map((verdict, i) => [names[i], verdict]))).toEqual(
    Object.fromEntries(expected.map((verdict, i) => [names[i], verdict])),
  );
});
