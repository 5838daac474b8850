/** What writing a tensor showed. */
import type { WriteResult } from './task.js';

export interface TensorOutcome {
  readonly tensor: string;
  /** xxHash64 of each written unit, in order. */
  readonly checksums: readonly string[];
  /** NaN and infinite values read from the base, from each operand, and written. */
  readonly nonFinite: WriteResult['nonFinite'];
}

/** Sums up the units of a tensor with so many operands. */
export function outcomeOf(tensor: string, operands: number, results: readonly WriteResult[]): TensorOutcome {
  const sum = (read: (nonFinite: WriteResult['nonFinite']) => number) =>
    results.reduce((total, { nonFinite }) => total + read(nonFinite), 0);
  return {
    tensor,
    checksums: results.map(({ checksum }) => checksum),
    nonFinite: {
      base: sum(({ base }) => base),
      operands: Array.from({ length: operands }, (_, i) => sum(({ operands }) => operands[i] ?? 0)),
      output: sum(({ output }) => output),
    },
  };
}
