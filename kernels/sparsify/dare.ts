/** Random dropping: keep each element of a task vector with probability `density` (DARE, arXiv 2311.03099). */

import type { Slot } from '../abi.js';
import { numberOf } from '../parameters.js';
import { densityDigits } from '../reference/random.js';
import type { MagnitudeMeter } from '../statistics/magnitude-sums.js';
import type { Tile, UnitContext } from '../unit.js';
import { type TileView, vectorBytes } from '../view.js';

/** Masks start at cache lines. */
const MASK_ALIGNMENT = 64;

/** Operands with a random share set to zero; the mask depends on the operand's key and the element's flat index only. */
export const dropped: TileView = (context) => {
  const { kernels } = context;
  const masksOf = drawnMasks(context);
  const scratch = context.merge.operands.map(({ settings }) =>
    keepsAll(numberOf(settings, 'density')) ? undefined : context.allocate(vectorBytes(context)),
  );
  return (tile) => {
    const masks = masksOf(tile);
    const operands = tile.operands.map((source, i) => {
      const [mask, destination] = [masks[i], scratch[i]];
      if (mask === undefined || destination === undefined) return source;
      kernels.keepMasked(source, mask, destination, tile.count);
      return destination;
    });
    return { ...tile, operands };
  };
};

/** Magnitudes before and after dropping, without writing down what is left. */
export const droppedMagnitudes: MagnitudeMeter = (context) => {
  const { kernels } = context;
  const masksOf = drawnMasks(context);
  return (tile, lanes) => {
    const masks = masksOf(tile);
    tile.operands.forEach((source, i) => {
      const { before, after } = lanes[i]!;
      const mask = masks[i];
      if (mask !== undefined) kernels.sumMasked(source, mask, tile.count, before, after);
      else for (const sums of [before, after]) kernels.sumMagnitude(source, tile.count, sums);
    });
  };
};

const keepsAll = (density: number): boolean => density >= 1;

/** The masks of a tile's operands, undefined where all is kept. Passes over the same unit draw them once if they can. */
function drawnMasks(context: UnitContext): (tile: Tile) => readonly (Slot | undefined)[] {
  const { kernels, merge, firstIndex, count } = context;
  const bytes = Math.ceil(count / 8 / MASK_ALIGNMENT) * MASK_ALIGNMENT;
  const dropping = merge.operands.filter(({ settings }) => !keepsAll(numberOf(settings, 'density')));
  const { slot, filled } = context.keep('masks', bytes * dropping.length);
  const masks = merge.operands.map((operand) => {
    const index = dropping.indexOf(operand);
    if (index < 0) return undefined;
    const { randomKey, settings } = operand;
    return { begin: slot + index * bytes, randomKey, ...densityDigits(numberOf(settings, 'density')) };
  });
  return (tile) =>
    masks.map((mask) => {
      if (mask === undefined) return undefined;
      const { begin, densityByte, densityRest, randomKey } = mask;
      const [low, high] = randomKey;
      const at = begin + (tile.firstIndex - firstIndex) / 8;
      if (!filled) kernels.drawMask(at, tile.count, densityByte, densityRest, low, high, tile.firstIndex);
      return at;
    });
}
