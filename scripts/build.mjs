// Builds dist/ from clean sources: the TypeScript with tsc, the kernels with AssemblyScript, then the bundles.
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { buildKernels } from './build-kernels.mjs';
import { bundle } from './bundle.mjs';

const { status } = spawnSync('npx', ['--no-install', 'tsc', '-p', 'tsconfig.json'], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
if (status !== 0) process.exit(status ?? 1);
await buildKernels();
await bundle();
chmodSync('dist/src/cli/main.js', 0o755);
