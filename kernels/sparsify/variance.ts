/** Selecting by variance: keep the elements on which the experts differ most (SCE, arXiv 2408.07990, step 1). */
import { fillOperandTable, operandTable } from '../operand-table.js';
import { numberOf, type Settings } from '../parameters.js';
import type { Slot } from '../slot.js';
import type { Statistic } from '../statistic.js';
import type { AddSquares } from '../statistics/energies.js';
import { type RankCut, rankThreshold } from '../statistics/rank-threshold.js';
import type { StoredTile, Tile, UnitContext } from '../unit.js';
import { inSteps, type StoredView, type TileView, untouched, vectorBytes } from '../view.js';
import { cutter } from './trim.js';

const SELECTION = 'variance_selection';

const selectsAll = (settings: Settings): boolean => numberOf(settings, 'select_topk') >= 1;

/** As many operands as there is a kernel for that works on stored values. */
const FEWEST_STORED = 2;
const MOST_STORED = 4;

/** A single operand: the population variance over the operands, f64 rounded to f32. */
const variance: TileView = (context) => {
  const { kernels } = context;
  const slot = context.allocate(vectorBytes(context));
  const table = operandTable(context);
  const unused = context.merge.operands.map(() => 1);
  const { length } = unused;
  const view = (tile: Tile): Tile => {
    fillOperandTable(kernels, table, tile.operands, unused, unused);
    kernels.variance(table, length, slot, tile.count);
    return { ...tile, operands: [slot] };
  };
  if (!hasBase(context) || length < FEWEST_STORED || length > MOST_STORED) return view;
  const ofStored = ({ firstIndex, count, operands, base }: StoredTile): Tile => {
    fillOperandTable(kernels, table, operands, unused, unused);
    kernels.varianceStoredBf16(table, length, base!, slot, count);
    return { firstIndex, count, operands: [slot], base: undefined };
  };
  return Object.assign(view, { ofStored });
};

/** Whether stored tiles have a base. */
const hasBase = ({ merge }: UnitContext): boolean => merge.space === 'taskVectors';

/** The statistic behind `mostVaried`: none when all elements are selected. */
export function varianceThresholds(settings: Settings): Statistic[] {
  if (selectsAll(settings)) return [];
  const share = numberOf(settings, 'select_topk');
  const selection = rankThreshold({
    name: SELECTION,
    scope: 'tensor',
    input: variance,
    ties: 'first',
    cuts: [() => (nonZero) => Math.floor(share * nonZero)],
    operandsOf: ({ operands }) => operands.slice(0, 1),
  });
  return [selection];
}

/** The selection of a unit: a bit for each element. Undefined where all are selected. */
interface Selection {
  /** Whether an earlier pass over the unit made it. */
  readonly isMade: boolean;
  /** Where the bits of a tile are. */
  at(tile: Tile | StoredTile): Slot;
  /** The same, made if need be. */
  of(tile: Tile): Slot;
  /** The same of a stored tile that is no longer than the unit's tiles, if that is possible. */
  readonly ofStored?: ((tile: StoredTile) => Slot) | undefined;
}

function selection(context: UnitContext): Selection | undefined {
  const [cuts] = (context.statistics[SELECTION] ?? [[]]) as readonly [readonly RankCut[]];
  if (selectsAll(context.merge.settings) || cuts[0] === undefined) return undefined;
  const { kernels, firstIndex, count } = context;
  const varianceOf = variance(context);
  const select = cutter(context, cuts[0]);
  const { slot, filled } = context.keep('selected', Math.ceil(count / 8));
  const at: Selection['at'] = (tile) => slot + (tile.firstIndex - firstIndex) / 8;
  const make = (tile: Tile | StoredTile, { operands: [variances] }: Tile): Slot => {
    const mask = at(tile);
    kernels.markNonZero(select(variances!, tile.count), mask, tile.count);
    return mask;
  };
  const { ofStored } = varianceOf;
  return {
    isMade: filled,
    at,
    of: (tile) => (filled ? at(tile) : make(tile, varianceOf(tile))),
    ofStored: filled ? at : ofStored && ((tile) => make(tile, ofStored(tile))),
  };
}

/** Operands that are 0 but for the share `select_topk` of the elements that vary, by their variance. */
export const mostVaried: TileView = (context) => {
  const selected = selection(context);
  if (selected === undefined) return untouched(context);
  const { kernels, merge } = context;
  const scratch = merge.operands.map(() => context.allocate(vectorBytes(context)));
  const view = (tile: Tile): Tile => {
    const mask = selected.of(tile);
    tile.operands.forEach((operand, k) => {
      kernels.keepMasked(operand, mask, scratch[k]!, tile.count);
    });
    return { ...tile, operands: scratch };
  };
  if (!selected.isMade) return view;
  const show: StoredView['show'] = (tile, take) =>
    take({ ...tile, offset: 0, selectors: tile.operands.map(() => selected.at(tile)) });
  return Object.assign(view, { stored: { kind: 'masks', show } satisfies StoredView });
};

/** Squares of what `mostVaried` shows, without writing it down. */
export function variedSquares(context: UnitContext): AddSquares {
  const selected = selection(context);
  const { kernels } = context;
  const add: AddSquares = (tile, lanes) => {
    const mask = selected?.of(tile);
    tile.operands.forEach((operand, i) => {
      if (mask === undefined) kernels.sumSquares(operand, tile.count, lanes[i]!);
      else kernels.sumMaskedSquares(operand, mask, tile.count, lanes[i]!);
    });
  };
  const maskOf = selected === undefined ? () => 0 : selected.ofStored;
  if (!hasBase(context) || maskOf === undefined) return add;
  const stored: AddSquares['stored'] = (tile, lanes) =>
    inSteps(context, tile, (part) => {
      const mask = maskOf(part);
      part.operands.forEach((operand, i) => {
        kernels.sumSquaresStored(operand, part.base!, mask, part.count, lanes[i]!);
      });
    });
  return Object.assign(add, { stored });
}
