/**
 * Runs the built command line, the bundle that users run, inside the process of the tests. What a process of its own would add (its start, signals,
 * streams that close) is the matter of tests that use cli.ts; for all others it would be two thirds of their time.
 */
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { type CliResult, MAIN, REPOSITORY } from './cli.js';

const { runProgram } = (await import(
  pathToFileURL(join(REPOSITORY, 'dist/src/cli/program.js')).href
)) as typeof import('../../src/cli/program.js');

/** What is written to the stream from now on, instead of its being written. */
function capture(stream: NodeJS.WriteStream): { text(): string; restore(): void } {
  const chunks: Buffer[] = [];
  const { write } = stream;
  stream.write = ((chunk: string | Uint8Array): boolean => {
    chunks.push(Buffer.from(chunk as Uint8Array));
    return true;
  }) as typeof stream.write;
  return {
    text: () => Buffer.concat(chunks).toString('utf8'),
    restore: () => {
      stream.write = write;
    },
  };
}

let isRunning = false;

/**
 * Runs `m2merge` in a folder to its end, with further environment variables: what a process would print, and the code it
 * would end with. One at a time, and without standard input.
 */
export async function m2merge(
  args: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  if (isRunning) throw new Error('two commands at once need processes of their own');
  isRunning = true;
  const { argv, exitCode, env } = process;
  const folder = process.cwd();
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  process.argv = [process.execPath, MAIN, ...args];
  process.exitCode = undefined;
  process.env = { ...env, NO_COLOR: '1', ...variables };
  process.chdir(cwd);
  try {
    await runProgram();
    return { status: Number(process.exitCode ?? 0), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.chdir(folder);
    Object.assign(process, { argv, exitCode, env });
    stderr.restore();
    stdout.restore();
    isRunning = false;
  }
}
