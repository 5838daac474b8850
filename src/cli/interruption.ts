/** Ctrl-C and its like: what runs is told to stop and cleans up after itself. */
import { M2MergeError } from '../errors.js';

/** Turns SIGINT and SIGTERM into an abort; a second one ends the process at once. */
export function listenForSignals(): { signal: AbortSignal; close(): void } {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals): void => controller.abort(new M2MergeError('interrupted', { signal }));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  return {
    signal: controller.signal,
    close: () => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
    },
  };
}
