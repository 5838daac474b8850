/** Gathers one statistic over a unit. */
import type { Method } from '../../../kernels/method.js';
import type { ObserveAction, ObserveResult } from '../task.js';
import { isStoredBf16, storedTile } from '../unit-vectors.js';
import type { Pass, PassContext } from './pass.js';

export function observePass(
  { part, statistic: name, request }: ObserveAction,
  { kernels, unit, vectors }: PassContext,
  method: Method,
): Pass {
  const statistic = method.statistics(part.merge.settings).find((candidate) => candidate.name === name);
  if (statistic === undefined) throw new RangeError(`${method.name} has no statistic ${name}`);
  const observer = statistic.observer(unit, request);
  const observeStored = isStoredBf16(vectors) ? observer.observeStored : undefined;
  return {
    takeStored:
      observeStored &&
      ((firstIndex, count) => {
        const tile = storedTile(vectors, firstIndex, count);
        // Kernels on stored values do not look for infinities that both have, which are no difference.
        if (tile.base !== undefined && kernels.countNonFiniteBf16(tile.base, count) > 0) return false;
        observeStored(tile);
        return true;
      }),
    unused: observer.unused,
    step: ({ tile }) => observer.observe(tile),
    finish: (): ObserveResult => ({ kind: 'observe', partial: observer.finish() }),
  };
}
