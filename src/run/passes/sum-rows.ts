/** Adds up the rows of a unit's only operand. */
import type { Kernels } from '../../../kernels/abi.js';
import type { RowSumsResult } from '../task.js';
import type { Pass } from './pass.js';

/** `shape` is that of the whole matrix; a bias is a matrix of one column. Sums are f64, in the order of the elements. */
export function sumRowsPass(kernels: Kernels, [, columns = 1]: readonly number[]): Pass & { finish(): RowSumsResult } {
  const sums = new Float64Array(columns);
  return {
    step({ tile: { firstIndex, count, operands } }) {
      const elements = new Float32Array(kernels.memory.buffer, operands[0]!, count);
      let column = firstIndex % columns;
      for (let i = 0; i < count; i++) {
        sums[column]! += elements[i]!;
        column = column + 1 === columns ? 0 : column + 1;
      }
    },
    finish: () => ({ kind: 'row-sums', sums }),
  };
}
