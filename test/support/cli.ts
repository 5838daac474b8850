/** Runs the built command line as a user would: a process of its own, in a folder of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
export const FIXTURES = join(REPOSITORY, 'test/fixtures');
export const MAIN = join(REPOSITORY, 'dist/src/cli/main.js');

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const environment = { ...process.env, NO_COLOR: '1' };

/** Runs `m2merge` to its end. */
export function m2mergeProcess(
  args: readonly string[],
  cwd: string,
  { input }: { readonly input?: string } = {},
): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd,
    env: environment,
    input,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** Starts `m2merge` and returns the process. */
export function startM2merge(args: readonly string[], cwd: string, variables: Readonly<Record<string, string>> = {}) {
  const env = { ...environment, ...variables };
  return spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs `m2merge` to its end while this process goes on, to serve it for example; with further environment variables. */
export async function m2mergeBeside(
  args: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>>,
): Promise<CliResult> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...environment, ...variables } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { status, stdout, stderr };
}

/** Starts `m2merge` with its standard input open, and returns the process. */
export function spawnM2merge(args: readonly string[], cwd: string) {
  return spawn(process.execPath, [MAIN, ...args], { cwd, env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
}

/** A temporary folder that goes when the test file ends; asked for within a test, it would stay (see temporary-folder.ts). */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'm2merge-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
