/** λ·Σ wᵢτᵢ, optionally divided by Σ wᵢ (task arithmetic, arXiv 2212.04089, equation 1). */

import { fillOperandTable, operandTable, weightsOf } from '../operand-table.js';
import { flagOf } from '../parameters.js';
import type { Slot } from '../slot.js';
import type { Combine, Tile, UnitContext } from '../unit.js';
import type { TileView } from '../view.js';
import { lambdaOf } from './lambda.js';
import { weightDivisor } from './normalize.js';
import { storedSum } from './stored-sum.js';

/**
 * Sums the operands that `view`, the method's `survivors`, shows, each also scaled by its entry of `factors`. Coefficients
 * λ·wᵢ·fᵢ/Σw are computed in f64 and rounded to f32 once; the sum runs in f32 in operand order.
 */
export function weightedSum(context: UnitContext, view: TileView, factors: readonly number[]): Combine {
  const { kernels, merge } = context;
  const weights = weightsOf(merge);
  const divisor = flagOf(merge.settings, 'normalize') ? weightDivisor(weights) : 1;
  const lambda = lambdaOf(context);
  const scales = weights.map((weight, i) => (lambda * weight * factors[i]!) / divisor);
  const prepare = view(context);
  const table = operandTable(context);
  let shown: Tile | undefined;
  const combine = (tile: Tile, destination: Slot): void => {
    shown = prepare(tile);
    fillOperandTable(kernels, table, shown.operands, scales, weights);
    kernels.weightedSum(table, scales.length, destination, tile.count);
  };
  return Object.assign(combine, { stored: storedSum(context, prepare.stored, scales, 1), shown: () => shown });
}
