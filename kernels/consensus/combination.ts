/** Linear combinations of the operands (and the base) with coefficients of their own for each tensor, or each row. */
import { OPERAND_BYTES, type Slot } from '../abi.js';
import { fillOperandTable } from '../operand-table.js';
import { type Gram, gramVectors, productMeter } from '../statistics/gram.js';
import type { Combine, UnitContext } from '../unit.js';
import { rowElementsOf, type TileView } from '../view.js';

/** A coefficient for each vector of a Gram matrix: the operands, or the base followed by them. */
export type Coefficients = (gram: Gram) => readonly number[];

/**
 * Σ cᵢxᵢ over the operands, or over the base and them when there is one coefficient more. Coefficients are rounded to
 * f32; the sum runs in f32 in order.
 */
export function combination(context: UnitContext, coefficients: readonly number[]): Combine {
  const { kernels, merge } = context;
  const withBase = coefficients.length > merge.operands.length;
  const table = context.allocate(OPERAND_BYTES * coefficients.length);
  return (tile, destination) => {
    fillOperandTable(kernels, table, gramVectors(tile, withBase), coefficients, coefficients);
    kernels.weightedSum(table, coefficients.length, destination, tile.count);
  };
}

/** The same for each row (run of the last dimension) with coefficients of its own; tiles must hold whole rows. */
export function rowCombination(context: UnitContext, coefficientsOf: Coefficients): Combine {
  const { kernels, merge } = context;
  const rowElements = rowElementsOf(context);
  const meter = productMeter(context, merge.operands.length);
  const table = context.allocate(OPERAND_BYTES * merge.operands.length);
  return (tile, destination) => {
    for (let first = 0; first < tile.count; first += rowElements) {
      const count = Math.min(rowElements, tile.count - first);
      const row: Slot[] = tile.operands.map((slot) => slot + 4 * first);
      meter.add(row, count);
      const coefficients = coefficientsOf(meter.take());
      fillOperandTable(kernels, table, row, coefficients, coefficients);
      kernels.weightedSum(table, row.length, destination + 4 * first, count);
    }
  };
}

/** The one operand as `view` shows it. */
export function passOn(context: UnitContext, view: TileView): Combine {
  const prepare = view(context);
  const pass = combination(context, [1]);
  return (tile, destination) => pass(prepare(tile), destination);
}
