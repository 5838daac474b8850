/** What is printed of failures that no recipe and no file brings about. */
import { afterEach, expect, it, vi } from 'vitest';
import { reportFailure } from '../../src/cli/failure.js';
import { formatBytes } from '../../src/errors/byte-text.js';
import { M2MergeError } from '../../src/errors.js';

afterEach(() => vi.restoreAllMocks());

function printed(error: unknown): { readonly code: number; readonly text: string } {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const code = reportFailure(error, false);
  return { code, text: written.join('') };
}

const REPORT = 'This is a defect of m2merge; please report it with this trace:\n';

it('a defect in a worker is told as any other, with the trace of the worker', () => {
  const facts = { reason: 'boom', trace: 'TypeError: boom\n    at run (worker.js:1:2)' };
  expect(printed(new M2MergeError('worker-failed', facts))).toEqual({
    code: 1,
    text: `error: a worker failed: boom\n${REPORT}${facts.trace}\n`,
  });
  const other = new TypeError('boom');
  expect(printed(other)).toEqual({ code: 1, text: `error: boom\n${REPORT}${other.stack}\n` });
});

it('too many open files come with what to do, other reasons without', () => {
  const facts = (reason: string) => ({ path: 'a.safetensors', reason });
  expect(printed(new M2MergeError('file-unreadable', facts('EMFILE: too many open files'))).text).toContain(
    'ulimit -n',
  );
  expect(printed(new M2MergeError('file-unreadable', facts('EIO'))).text).not.toContain('hint');
});

it.each([
  [999, '999 B'],
  [999_400, '999 kB'],
  [999_600, '1.00 MB'],
  [1_234_000_000, '1.23 GB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
