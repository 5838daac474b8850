/** The order in which workers take what waits, against a list that is searched from its beginning. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TaskQueue } from '../../src/run/task-queue.js';

const WORKERS = 4;
const step = fc.oneof(
  fc.record({ preferred: fc.option(fc.nat(WORKERS - 1), { nil: undefined }) }),
  fc.record({ worker: fc.nat(WORKERS - 1), isIdle: fc.boolean() }),
);

it('is a worker’s own first, then anybody’s, then for the idle whatever has waited longest', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new TaskQueue<number>();
      let waiting: { readonly item: number; readonly preferred: number | undefined }[] = [];
      steps.forEach((one, item) => {
        if (!('worker' in one)) {
          queue.add(item, one.preferred);
          waiting.push({ item, preferred: one.preferred });
          return;
        }
        const found =
          waiting.find(({ preferred }) => preferred === one.worker) ??
          waiting.find(({ preferred }) => preferred === undefined) ??
          (one.isIdle ? waiting[0] : undefined);
        waiting = waiting.filter((entry) => entry !== found);
        expect(queue.take(one.worker, one.isIdle)).toBe(found?.item);
      });
      expect(queue.takeAll().sort((a, b) => a - b)).toEqual(waiting.map(({ item }) => item));
      expect(queue.take(0, true)).toBeUndefined();
    }),
  );
});
