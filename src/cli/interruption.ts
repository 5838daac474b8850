/** Ctrl-C and its like: what runs is told to stop and cleans up after itself. */
import { M2MergeError } from '../errors.js';

/** What asks a process to end: Ctrl-C, `kill`, and a terminal that closes. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Turns these signals into an abort; a second one of the same kind ends the process at once. `resumes`: what is done by then
 * stays, and the same command goes on from there.
 */
export function listenForSignals(resumes = false): { signal: AbortSignal; close(): void } {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals): void =>
    controller.abort(new M2MergeError('interrupted', { signal, ...(resumes ? { resumes } : {}) }));
  for (const name of SIGNALS) process.once(name, stop);
  return {
    signal: controller.signal,
    close: () => {
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}
