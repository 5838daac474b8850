/** Random dropping: keep each element of a task vector with probability `density` (DARE, arXiv 2311.03099). */

import { numberOf } from '../parameters.js';
import { densityDigits } from '../reference/random.js';
import type { UnitContext } from '../unit.js';
import { type TileView, vectorBytes } from '../view.js';

/** Operands with a random share set to zero; the mask depends on the operand's key and the element's flat index only. */
export const dropped: TileView = (context: UnitContext) => {
  const { kernels } = context;
  const masks = context.merge.operands.map(({ settings, randomKey }) => {
    const density = numberOf(settings, 'density');
    if (density >= 1) return undefined;
    return { ...densityDigits(density), randomKey, destination: context.allocate(vectorBytes(context)) };
  });
  return (tile) => ({
    ...tile,
    operands: tile.operands.map((source, i) => {
      const mask = masks[i];
      if (mask === undefined) return source;
      const { destination, densityByte, densityRest, randomKey } = mask;
      const [low, high] = randomKey;
      kernels.keepRandom(source, destination, tile.count, densityByte, densityRest, low, high, tile.firstIndex);
      return destination;
    }),
  });
};
