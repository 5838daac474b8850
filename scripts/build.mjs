// Builds dist/ from clean sources: the TypeScript with tsc, the kernels with AssemblyScript.
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { buildKernels } from './build-kernels.mjs';

const { status } = spawnSync('npx', ['--no-install', 'tsc', '-p', 'tsconfig.json'], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
if (status !== 0) process.exit(status ?? 1);
await buildKernels();
chmodSync('dist/src/cli/main.js', 0o755);
