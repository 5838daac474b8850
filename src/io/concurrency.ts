/**
 * Runs `work` over items in order, at most `limit` at once; rejects with the first failure, after which none is begun: what
 * failed is told and tidied up meanwhile, and a process does not end before what goes on.
 */
export async function forEachConcurrently<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const runner = async (): Promise<void> => {
    while (next < items.length) {
      await work(items[next++]!).catch((error: unknown) => {
        next = items.length;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, runner));
}

/**
 * Waits for all in order. Rejects with the failure of the first in this order, not in time: what is reported of several
 * mistakes does not depend on the network.
 */
export async function allInOrder<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  for (const promise of promises) promise.catch(() => {});
  const results: T[] = [];
  for (const promise of promises) results.push(await promise);
  return results;
}
