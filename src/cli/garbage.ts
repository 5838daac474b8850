/** How much garbage may lie about while bytes go to or come from the Hub. */
import { setFlagsFromString } from 'node:v8';

/**
 * Percent that the heap may grow between two collections: five times as large, where V8 by itself allows at most four.
 * It counts every chunk that Node receives or reads as part of a heap, and with a heap as small as ours it would collect,
 * with four threads, after each 8 MB that pass through, which takes half of the processor time of a transfer. The peak
 * of memory stays what it was, and from here on up nothing more is gained.
 */
const GROWTH_PERCENT = 400;

/** For the command line alone: the setting is of the whole process. */
export function collectLessOften(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
