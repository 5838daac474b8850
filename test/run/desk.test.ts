import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compileSimdKernels } from '../../kernels/load.js';
import { OwnThread } from '../../src/run/own-thread.js';
import type { WorkerReply, WorkerSetup } from '../../src/run/task.js';
import { REPOSITORY } from '../support/cli.js';

it('a lack of memory before the first task is told by its facts, and is no defect', async () => {
  const setup: WorkerSetup = {
    methods: ['linear'],
    inputFiles: [],
    outputFiles: [],
    openFiles: 1,
    simd: compileSimdKernels(readFileSync(join(REPOSITORY, 'dist/kernels/kernels.wasm'))),
    tileElements: 64,
    // More than 32-bit addresses reach.
    retainedBytes: 5e9,
  };
  const replies: WorkerReply[] = [];
  const failures: unknown[] = [];
  const thread = new OwnThread({ reply: (reply) => replies.push(reply), fail: (error) => failures.push(error) });
  thread.post(setup);
  await thread.exit;
  expect(failures).toEqual([]);
  expect(replies).toMatchObject([{ error: { kind: 'kernel-memory', facts: { bytes: expect.any(Number) } } }]);
});
