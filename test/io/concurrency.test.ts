/** Work on many items, some at once. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { allInOrder, forEachConcurrently } from '../../src/io/concurrency.js';

it('begins items in their order, and no more at once than are allowed', async () => {
  const begun: number[] = [];
  let [running, most] = [0, 0];
  await forEachConcurrently([3, 1, 2, 0, 4], 2, async (turns) => {
    begun.push(turns);
    most = Math.max(most, ++running);
    for (let i = 0; i < turns; i++) await turn();
    running--;
  });
  expect({ begun, most, running }).toEqual({ begun: [3, 1, 2, 0, 4], most: 2, running: 0 });
});

it('begins nothing more once an item has failed', async () => {
  const begun: number[] = [];
  const work = forEachConcurrently([0, 1, 2, 3, 4, 5], 3, async (item) => {
    begun.push(item);
    await turn();
    if (item === 1) throw new Error('the second');
  });
  await expect(work).rejects.toThrow('the second');
  // Whatever was under way has had time to come to its end, and to go on.
  for (let i = 0; i < 20; i++) await turn();
  expect(begun).toEqual([0, 1, 2, 3]);
});

it('reports of several failures the first in order, and waits for no later one', async () => {
  const never = new Promise<number>(() => {});
  const late = turn().then(() => Promise.reject(new Error('first')));
  await expect(allInOrder([Promise.resolve(1), late, Promise.reject(new Error('second')), never])).rejects.toThrow(
    'first',
  );
  expect(await allInOrder([turn().then(() => 1), Promise.resolve(2)])).toEqual([1, 2]);
});
