/** Changed or not: elements of task vectors at most `epsilon` from 0 count as unchanged (arXiv 2601.13572). */
import { numberOf } from '../parameters.js';
import { type TileView, vectorBytes } from '../view.js';

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** Operands with |x| ≤ `epsilon` (a merge setting, as f32) set to 0; with 0, everything whose bits changed stays. */
export const changed: TileView = (context) => {
  const epsilon = numberOf(context.merge.settings, 'epsilon');
  if (epsilon === 0) return (tile) => tile;
  single[0] = epsilon;
  const threshold = bits[0]!;
  const scratch = context.merge.operands.map(() => context.allocate(vectorBytes(context)));
  return (tile) => ({
    ...tile,
    operands: tile.operands.map((source, i) => {
      context.kernels.keepLargest(source, scratch[i]!, tile.count, threshold, 0);
      return scratch[i]!;
    }),
  });
};
