/** Ctrl-C and its like: what runs is told to stop and cleans up after itself. */
import { M2MergeError } from '../errors.js';

/** What asks a process to end: Ctrl-C, `kill`, and a terminal that closes. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Milliseconds in which a signal that comes twice is one: `timeout` and some shells send theirs to a process and to its group.
 */
const SAME_SIGNAL = 500;

/**
 * Turns these signals into an abort; a second one of the same kind ends the process at once. `resumes`: what is done by then
 * stays, and the same command goes on from there.
 */
export function listenForSignals(resumes = false): { signal: AbortSignal; close(): void } {
  const controller = new AbortController();
  const came = new Map<NodeJS.Signals, number>();
  const stop = (signal: NodeJS.Signals): void => {
    const first = came.get(signal);
    if (first === undefined) {
      came.set(signal, performance.now());
      controller.abort(new M2MergeError('interrupted', { signal, ...(resumes ? { resumes } : {}) }));
    } else if (performance.now() - first > SAME_SIGNAL) {
      process.off(signal, stop);
      process.kill(process.pid, signal);
    }
  };
  for (const name of SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    close: () => {
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}
