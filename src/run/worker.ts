/** A worker thread: does tasks one after the other with its own kernels and file descriptors. */
import { parentPort, workerData } from 'node:worker_threads';
import xxhash from 'xxhash-wasm';
import type { Kernels } from '../../kernels/abi.js';
import { instantiateSimdKernels } from '../../kernels/load.js';
import { findMethod } from '../../kernels/methods/registry.js';
import { isM2MergeError } from '../errors.js';
import { PositionedFiles } from './files.js';
import type { WorkerReply, WorkerRequest, WorkerSetup } from './task.js';
import { UnitRunner } from './unit-runner.js';

const setup = workerData as WorkerSetup;
const port = parentPort!;
const { create64 } = await xxhash();

async function createKernels(): Promise<Kernels> {
  if (setup.simd !== undefined) return instantiateSimdKernels(setup.simd);
  // Builds tables when it is loaded, so it is loaded only when it is wanted.
  const { createReferenceKernels } = await import('../../kernels/reference/index.js');
  return createReferenceKernels();
}

const runner = new UnitRunner({
  kernels: await createKernels(),
  methods: setup.methods.map((name) => findMethod(name)!),
  files: new PositionedFiles({ inputs: setup.inputFiles, outputs: setup.outputFiles }),
  tileElements: setup.tileElements,
  retainedBytes: setup.retainedBytes,
  createHash: () => create64(),
});

port.on('message', ({ id, task }: WorkerRequest) => {
  try {
    // Results are copied, not transferred: for some hundred kilobytes, detaching buffers costs far more.
    port.postMessage({
      id,
      result: task.kind === 'visit' ? runner.visit(task) : runner.copy(task),
    } satisfies WorkerReply);
  } catch (error) {
    const reply: WorkerReply = isM2MergeError(error)
      ? { id, error: { kind: error.kind, facts: error.facts } }
      : { id, defect: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    port.postMessage(reply);
  }
});
