/** Dropping by rank: the larger a change is in its row, the likelier it stays (DELLA, arXiv 2406.11617). */
import { type NumberParameter, numberOf, type Settings } from '../parameters.js';
import { rowElementsOf } from '../view.js';
import { type MaskRule, masked, maskedMagnitudes } from './mask.js';

/** The parameter as methods declare it. */
export const epsilonParameter: NumberParameter = {
  name: 'epsilon',
  scope: 'model',
  kind: 'number',
  default: 0.15,
  minimum: 0,
  maximum: 1,
  summary: 'how far the probability to stay lies below and above density at the ends of a row; cut to what fits in 0…1',
};

/** Probabilities of the smallest and the largest element of a row, symmetric around the density. */
function probabilities(settings: Settings): { readonly lowest: number; readonly highest: number } {
  const density = numberOf(settings, 'density');
  const spread = Math.min(numberOf(settings, 'epsilon'), density, 1 - density);
  return { lowest: density - spread, highest: density + spread };
}

const byRank: MaskRule = {
  readsValues: true,
  keepsAll: ({ settings }) => numberOf(settings, 'density') >= 1,
  drawer(context) {
    const { kernels, tileCapacity } = context;
    const rowElements = rowElementsOf(context);
    // Operands are drawn one after the other, in the same memory.
    const scratch = context.allocate(tileCapacity + 18 * rowElements + 64);
    return ({ settings, randomKey: [low, high] }) => {
      const { lowest, highest } = probabilities(settings);
      return ({ count, firstIndex }, source, mask) => {
        const rows = count / rowElements;
        kernels.drawRankedMask(source, rows, rowElements, lowest, highest, low, high, firstIndex, scratch, mask);
      };
    };
  },
};

/** Operands with elements dropped by rank; tiles must hold whole rows. */
export const thinned = masked(byRank);

/** Magnitudes before and after, without writing down what is left. */
export const thinnedMagnitudes = maskedMagnitudes(byRank);
