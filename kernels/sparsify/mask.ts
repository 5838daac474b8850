/** Dropping at random by masks of bits: what DARE and DELLA share, but for how a mask is drawn. */
import type { Slot } from '../abi.js';
import type { MagnitudeLanes, MagnitudeMeter, MeasureMagnitudes } from '../statistics/magnitude-sums.js';
import type { Operand, StoredTile, Tile, UnitContext } from '../unit.js';
import { type StoredView, type TileView, vectorBytes } from '../view.js';

/** Masks start at cache lines. */
const MASK_ALIGNMENT = 64;

type AnyTile = Tile | StoredTile;

/** How the masks of operands are drawn. A mask depends on the operand's key, its elements and their flat index only. */
export interface MaskRule {
  /** Whether the operand stays whole, so that there is nothing to draw. */
  keepsAll(operand: Operand): boolean;
  /** Whether a mask depends on the elements, so that they have to be differences in f32 to draw it. */
  readonly readsValues: boolean;
  /** Prepares a unit; what is returned prepares one of its operands. */
  drawer(context: UnitContext): (operand: Operand) => DrawMask;
}

/** Writes the bits of a tile's elements to `mask`; `source` are those of the operand. */
type DrawMask = (tile: AnyTile, source: Slot, mask: Slot) => void;

/** Operands with what their masks drop set to zero. */
export function masked(rule: MaskRule): TileView {
  return (context) => {
    const { kernels } = context;
    const masksOf = drawnMasks(context, rule);
    const scratch = context.merge.operands.map((operand) =>
      rule.keepsAll(operand) ? undefined : context.allocate(vectorBytes(context)),
    );
    const view = (tile: Tile): Tile => {
      const masks = masksOf(tile);
      const operands = tile.operands.map((source, i) => {
        const [mask, destination] = [masks[i], scratch[i]];
        if (mask === undefined || destination === undefined) return source;
        kernels.keepMasked(source, mask, destination, tile.count);
        return destination;
      });
      return { ...tile, operands };
    };
    if (rule.readsValues && !masksOf.areDrawn) return view;
    const show: StoredView['show'] = (tile, take) =>
      take({ ...tile, offset: 0, selectors: masksOf(tile).map((mask) => mask ?? 0) });
    return Object.assign(view, { stored: { kind: 'masks', show } satisfies StoredView });
  };
}

/** Magnitudes before and after dropping, without writing down what is left. */
export function maskedMagnitudes(rule: MaskRule): MagnitudeMeter {
  return (context) => {
    const { kernels } = context;
    const masksOf = drawnMasks(context, rule);
    const measure: MeasureMagnitudes = (tile, lanes) => {
      const masks = masksOf(tile);
      tile.operands.forEach((source, i) => {
        const { before, after } = lanes[i]!;
        const mask = masks[i];
        if (mask !== undefined) kernels.sumMasked(source, mask, tile.count, before, after);
        else for (const sums of [before, after]) kernels.sumMagnitude(source, tile.count, sums);
      });
    };
    if (rule.readsValues || context.merge.operands.some((operand) => rule.keepsAll(operand))) return measure;
    return Object.assign(measure, {
      stored: (tile: StoredTile, lanes: readonly MagnitudeLanes[]) => {
        const masks = masksOf(tile);
        tile.operands.forEach((source, i) => {
          const { before, after } = lanes[i]!;
          kernels.sumMaskedStored(source, tile.base!, masks[i]!, tile.count, before, after);
        });
      },
    });
  };
}

interface MasksOf {
  /** The mask of each of a tile's operands, undefined where all is kept. */
  (tile: AnyTile): readonly (Slot | undefined)[];
  /** Whether an earlier pass over the unit drew them, so that nothing more is asked of the tile's elements. */
  readonly areDrawn: boolean;
}

/** Passes over the same unit draw masks once if they can. */
function drawnMasks(context: UnitContext, rule: MaskRule): MasksOf {
  const { merge, firstIndex, count } = context;
  const bytes = Math.ceil(count / 8 / MASK_ALIGNMENT) * MASK_ALIGNMENT;
  const dropping = merge.operands.filter((operand) => !rule.keepsAll(operand));
  const { slot, filled } = context.keep('masks', bytes * dropping.length);
  const drawerOf = filled ? undefined : rule.drawer(context);
  const masks = merge.operands.map((operand) => {
    const index = dropping.indexOf(operand);
    return index < 0 ? undefined : { begin: slot + index * bytes, draw: drawerOf?.(operand) };
  });
  const masksOf = (tile: AnyTile) =>
    masks.map((mask, i) => {
      if (mask === undefined) return undefined;
      const at = mask.begin + (tile.firstIndex - firstIndex) / 8;
      mask.draw?.(tile, tile.operands[i]!, at);
      return at;
    });
  return Object.assign(masksOf, { areDrawn: filled });
}
