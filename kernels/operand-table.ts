/** The operand table of the kernels that work across models: slot, scale and weight of each. */
import { type Kernels, OPERAND, OPERAND_BYTES, type Slot } from './abi.js';
import { numberOf } from './parameters.js';
import type { TensorMerge, UnitContext } from './unit.js';

/** Room for one entry for each operand of the unit. */
export function operandTable(context: UnitContext): Slot {
  return context.allocate(OPERAND_BYTES * context.merge.operands.length);
}

/** The `weight` of each operand. */
export function weightsOf(merge: TensorMerge): number[] {
  return merge.operands.map(({ settings }) => numberOf(settings, 'weight'));
}

/** Writes the table; scales and weights are rounded to f32. Selectors are u32, and none are needed where none are read. */
export function fillOperandTable(
  kernels: Kernels,
  table: Slot,
  slots: readonly Slot[],
  scales: readonly number[],
  weights: readonly number[],
  selectors?: readonly number[],
): void {
  const view = new DataView(kernels.memory.buffer);
  slots.forEach((slot, i) => {
    const entry = table + i * OPERAND_BYTES;
    view.setUint32(entry + OPERAND.slot, slot, true);
    view.setFloat32(entry + OPERAND.scale, scales[i]!, true);
    view.setFloat32(entry + OPERAND.weight, weights[i]!, true);
    if (selectors !== undefined) view.setUint32(entry + OPERAND.selector, selectors[i]!, true);
  });
}
