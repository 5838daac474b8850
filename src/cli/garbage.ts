/**
 * How much garbage may lie about before V8 collects it: what the heap may grow by after a collection, in percent. For the
 * command line alone, as the setting is of the whole process.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * V8 by itself lets a heap become four times as large: 300 MB for the plan of a mixture of experts and what is measured of
 * it, which take 75. To collect it more often takes 2 % of the time of such a run, and none of others.
 */
const OF_PLANS = 40;

/**
 * V8 counts every chunk that Node receives or reads as part of the heap, and with a heap as small as ours it would collect,
 * with four threads, after each 8 MB that pass through, which takes half of the processor time of a transfer. From here on
 * up nothing more is gained.
 */
const OF_TRANSFERS = 400;

let isTransferring = false;

function allowGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/** For whatever only plans and merges; changes nothing once bytes pass through. */
export function collectForPlans(): void {
  if (!isTransferring) allowGrowth(OF_PLANS);
}

/** From now on bytes pass through. */
export function collectForTransfers(): void {
  isTransferring = true;
  allowGrowth(OF_TRANSFERS);
}
