/** Selecting by variance: keep the elements on which the experts differ most (SCE, arXiv 2408.07990, step 1). */
import { numberOf, type Settings } from '../parameters.js';
import type { Statistic } from '../statistic.js';
import { type RankCut, rankThreshold } from '../statistics/rank-threshold.js';
import type { Tile, UnitContext } from '../unit.js';
import { type TileView, vectorBytes } from '../view.js';
import { cutter } from './trim.js';

const SELECTION = 'variance_selection';

const selectsAll = (settings: Settings): boolean => numberOf(settings, 'select_topk') >= 1;

/** A single operand: the population variance over the operands, f64 rounded to f32. */
const variance: TileView = (context) => {
  const slot = context.allocate(vectorBytes(context));
  return (tile) => {
    const { buffer } = context.kernels.memory;
    const values = tile.operands.map((operand) => new Float32Array(buffer, operand, tile.count));
    const to = new Float32Array(buffer, slot, tile.count);
    for (let i = 0; i < tile.count; i++) {
      let sum = 0;
      for (const vector of values) sum += vector[i]!;
      const mean = sum / values.length;
      let squares = 0;
      for (const vector of values) squares += (vector[i]! - mean) ** 2;
      to[i] = squares / values.length;
    }
    return { ...tile, operands: [slot] };
  };
};

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

/** Operands that are 0 but for the share `select_topk` of the elements that vary, by their variance. */
export const mostVaried: TileView = (context: UnitContext) => {
  const [cuts] = (context.statistics[SELECTION] ?? [[]]) as readonly [readonly RankCut[]];
  if (selectsAll(context.merge.settings) || cuts[0] === undefined) return (tile) => tile;
  const varianceOf = variance(context);
  const select = cutter(context, cuts[0]);
  const scratch = context.merge.operands.map(() => context.allocate(vectorBytes(context)));
  return (tile: Tile) => {
    const selected = select(varianceOf(tile).operands[0]!, tile.count);
    const { buffer } = context.kernels.memory;
    const mask = new Float32Array(buffer, selected, tile.count);
    tile.operands.forEach((operand, k) => {
      const from = new Float32Array(buffer, operand, tile.count);
      const to = new Float32Array(buffer, scratch[k]!, tile.count);
      for (let i = 0; i < tile.count; i++) to[i] = mask[i] === 0 ? 0 : from[i]!;
    });
    return { ...tile, operands: scratch };
  };
};
