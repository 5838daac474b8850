/**
 * A view turns the operands of a tile into other operands: sparsified, rescaled, or left alone. Methods are chains of
 * views followed by a consensus; statistics look through views at what the next step will see.
 */
import type { StoredTile, Tile, UnitContext } from './unit.js';

/** Prepares one unit; the returned function is called once for each tile, in order. The tile passed in stays intact. */
export type TileView = (context: UnitContext) => PreparedView<Tile>;

export interface PreparedView<T extends Tile> {
  (tile: Tile): T;
  /** How to show the same of stored tiles, if that is possible. A tile is shown in one way or the other. */
  readonly stored?: StoredView | undefined;
  /** The same of a stored tile that is no longer than the unit's tiles, for views that show something else than operands. */
  readonly ofStored?: ((tile: StoredTile) => T) | undefined;
  /** What each operand was multiplied with, where that is not 1. */
  readonly factors?: readonly number[];
}

/** Shows stored tiles as parts of which kernels can skip what is dropped. */
export interface StoredView {
  /** What selectors are: none, slots of masks (0: all of the operand), or least magnitudes as in `SelectedTile`. */
  readonly kind: 'all' | 'masks' | 'magnitudes';
  /** Hands the parts of a tile to `take`, in order; false as soon as that is, as if the tile had not been shown. */
  show(tile: StoredTile, take: (part: StoredPart) => boolean): boolean;
}

/** Bytes of a value of a stored tile. */
export const STORED_BYTES = 2;

/** Consecutive elements of a tile. */
export interface StoredPart extends StoredTile {
  /** Elements of the tile before the first. */
  readonly offset: number;
  readonly selectors?: readonly number[];
}

/** The part of `count` elements from element `offset` of a stored tile on. */
export function partOf({ firstIndex, operands, base }: StoredTile, offset: number, count: number): StoredPart {
  const bytes = STORED_BYTES * offset;
  return {
    firstIndex: firstIndex + offset,
    count,
    offset,
    operands: operands.map((slot) => slot + bytes),
    base: base === undefined ? undefined : base + bytes,
  };
}

/** Hands over a stored tile in parts that are no longer than the unit's tiles, in order. */
export function inSteps({ tileCapacity }: UnitContext, tile: StoredTile, take: (part: StoredTile) => void): void {
  for (let offset = 0; offset < tile.count; offset += tileCapacity) {
    take(partOf(tile, offset, Math.min(tileCapacity, tile.count - offset)));
  }
}

/** A tile of which only those elements count that reach their operand's selector: bits(|x|) ≥ selectors[i], 0 for all. */
export interface SelectedTile extends Tile {
  readonly selectors?: readonly number[];
}

/** A view that may leave it to the kernels to skip what small elements it drops, which spares them being written down. */
export type SelectingView = (context: UnitContext) => PreparedView<SelectedTile>;

/** The operands as they are. */
export const untouched: TileView = () =>
  Object.assign((tile: Tile) => tile, {
    stored: { kind: 'all', show: (tile, take) => take({ ...tile, offset: 0 }) } satisfies StoredView,
  });

/** Bytes of one f32 vector as long as the longest tile, padded so that consecutive slots stay aligned. */
export function vectorBytes(context: UnitContext): number {
  return Math.ceil((context.tileCapacity * 4) / 64) * 64;
}

/** Elements of a row of the unit's tensor: a run of the last dimension; a vector is one row. */
export function rowElementsOf({ merge }: UnitContext): number {
  return Math.max(1, merge.shape.at(-1) ?? 1);
}
