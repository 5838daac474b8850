/**
 * A worker thread: does tasks one after the other with its own kernels and file descriptors. Its first message is the
 * setup, which may come long after the thread has started, its last one tells it to end.
 */
import { parentPort } from 'node:worker_threads';
import xxhash from 'xxhash-wasm';
import type { Kernels } from '../../kernels/abi.js';
import { type CompiledKernels, instantiateSimdKernels } from '../../kernels/load.js';
import { findMethod } from '../../kernels/methods/registry.js';
import { isM2MergeError } from '../errors.js';
import { PositionedFiles } from './files.js';
import { END, type WorkerReply, type WorkerRequest, type WorkerSetup } from './task.js';
import { UnitRunner } from './unit-runner.js';

const port = parentPort!;
const hashing = xxhash();

async function createKernels(simd: CompiledKernels | undefined): Promise<Kernels> {
  if (simd !== undefined) return instantiateSimdKernels(simd);
  // Builds tables when it is loaded, so it is loaded only when it is wanted.
  const { createReferenceKernels } = await import('../../kernels/reference/index.js');
  return createReferenceKernels();
}

async function createRunner(setup: WorkerSetup): Promise<UnitRunner> {
  const { create64 } = await hashing;
  return new UnitRunner({
    kernels: await createKernels(setup.simd),
    methods: setup.methods.map((name) => findMethod(name)!),
    files: new PositionedFiles({ inputs: setup.inputFiles, outputs: setup.outputFiles }, setup.openFiles),
    tileElements: setup.tileElements,
    retainedBytes: setup.retainedBytes,
    createHash: () => create64(),
  });
}

function answer(runner: UnitRunner, { id, task }: WorkerRequest): WorkerReply {
  try {
    return { id, result: runner.run(task) };
  } catch (error) {
    if (isM2MergeError(error)) return { id, error: { kind: error.kind, facts: error.facts } };
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { id, defect: { reason: message, trace: stack } };
  }
}

let starting: Promise<UnitRunner> | undefined;
port.on('message', (message: WorkerSetup | WorkerRequest | typeof END) => {
  // Answers wait for `starting`, and so does the end: behind them.
  if (message === END) void starting?.then(() => port.close());
  else if (starting === undefined) starting = createRunner(message as WorkerSetup);
  // Results are copied, not transferred: for some hundred kilobytes, detaching buffers costs far more.
  else void starting.then((runner) => port.postMessage(answer(runner, message as WorkerRequest)));
});
