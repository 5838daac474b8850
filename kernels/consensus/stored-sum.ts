/** Sums of differences to a base, straight from stored bf16 to stored bf16. */
import { fillOperandTable, operandTable } from '../operand-table.js';
import type { Combine, UnitContext } from '../unit.js';
import { STORED_BYTES, type StoredView } from '../view.js';

/**
 * C·θ₀ + Σ cᵢτ̂ᵢ for the differences τ̂ᵢ to the tile's base that `view` shows: one of `scales` for each operand, and
 * C = `baseScale`. Undefined when there is nothing to sum, or no way to show it.
 */
export function storedSum(
  context: UnitContext,
  view: StoredView | undefined,
  scales: readonly number[],
  baseScale: number,
): Combine['stored'] {
  if (view === undefined || view.kind === 'magnitudes' || scales.length === 0) return undefined;
  const { kernels } = context;
  const table = operandTable(context);
  const isMasked = view.kind === 'masks';
  return (tile, destination) =>
    view.show(tile, ({ operands, base, count, offset, selectors }) => {
      fillOperandTable(kernels, table, operands, scales, scales, selectors);
      const to = destination + STORED_BYTES * offset;
      return kernels.sumStoredBf16(table, scales.length, base!, baseScale, to, count, isMasked) !== 0;
    });
}
