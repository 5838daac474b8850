// Makes a fresh clone ready: installs when node_modules does not match the lock file, builds when dist is older than
// its sources. Run by `npm run quickstart` and before `npm test`, so that each is the only command a newcomer needs.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const BUILD_INPUTS = ['src', 'kernels', 'recipes/evaluator', 'package.json', 'tsconfig.json', 'scripts'];
const BUILD_OUTPUTS = ['dist/src/cli/main.js', 'dist/kernels/kernels.wasm'];

/**
 * What the lock file says, without changing it. Not `npm ci`: that refuses a lock file which lacks the binaries of platforms
 * that the registry it was made with does not serve.
 */
const INSTALL_OPTIONS = ['--no-save', '--no-audit', '--no-fund'];

/** Newest modification time below a path, milliseconds; 0 when it does not exist. */
function newest(path) {
  if (!existsSync(path)) return 0;
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  return Math.max(entry.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function run(command, args) {
  console.error(`> ${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}

if (newest('node_modules/.package-lock.json') < newest('package-lock.json')) {
  run('npm', ['install', ...INSTALL_OPTIONS]);
}
const built = Math.min(...BUILD_OUTPUTS.map(newest));
if (built < Math.max(...BUILD_INPUTS.map(newest))) run(process.execPath, ['scripts/build.mjs']);
