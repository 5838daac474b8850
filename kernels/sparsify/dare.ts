/** Random dropping: keep each element of a task vector with probability `density` (DARE, arXiv 2311.03099). */
import { numberOf } from '../parameters.js';
import { densityDigits } from '../reference/random.js';
import { type MaskRule, masked, maskedMagnitudes } from './mask.js';

const byDensity: MaskRule = {
  readsValues: false,
  keepsAll: ({ settings }) => numberOf(settings, 'density') >= 1,
  drawer:
    ({ kernels }) =>
    ({ settings, randomKey: [low, high] }) => {
      const { densityByte, densityRest } = densityDigits(numberOf(settings, 'density'));
      return ({ count, firstIndex }, _source, mask) =>
        kernels.drawMask(mask, count, densityByte, densityRest, low, high, firstIndex);
    },
};

/** Operands with a random share set to zero; the mask depends on the operand's key and the element's flat index only. */
export const dropped = masked(byDensity);

/** Magnitudes before and after dropping, without writing down what is left. */
export const droppedMagnitudes = maskedMagnitudes(byDensity);
