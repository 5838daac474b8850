/** NearSwap: take over the values of a model where they are near to the base's. */

import { OPERAND_BYTES } from '../abi.js';
import type { Method } from '../method.js';
import { fillOperandTable } from '../operand-table.js';
import { numberOf } from '../parameters.js';

/** Differences count as at least this (mergekit's constant). */
const SMALLEST_DIFFERENCE = 1e-6;

export const nearswap: Method = {
  name: 'nearswap',
  title: 'NearSwap',
  equation: 'θ = θ₀ + w τ,  w = min(1, t / max(|τ|, 10⁻⁶))',
  summary: 'Follows one model element by element, but no further than t from the base.',
  space: 'taskVectors',
  operandCount: { minimum: 1, maximum: 1 },
  parameters: [
    { name: 't', scope: 'merge', kind: 'number', minimum: 0, summary: 'the farthest that an element may move' },
  ],
  elsewhere: {
    mergekit: 'the same',
  },
  presets: { mergekit: {} },
  statistics: () => [],
  ignores: () => false,
  /** w·τ is τ cut off at ±t; below the smallest difference it is also scaled, when t is smaller still. */
  combine({ kernels, merge, allocate }) {
    const t = numberOf(merge.settings, 't');
    const scale = [Math.min(1, t / SMALLEST_DIFFERENCE)];
    const table = allocate(OPERAND_BYTES);
    return ({ operands, count }, destination) => {
      fillOperandTable(kernels, table, operands, scale, scale);
      kernels.weightedSum(table, 1, destination, count);
      kernels.clampMagnitude(destination, t, destination, count);
    };
  },
};
