/** One pass of a spectral analysis over a matrix: products of its rows with the factors of the step. */
import type { Kernels, Slot } from '../../../kernels/abi.js';
import { vectorBytes } from '../../../kernels/view.js';
import { productsOf, type SpectralStep, type SpectralTools } from '../../geometry/spectrum.js';
import type { ActionResult } from '../task.js';
import type { Pass, PassContext } from './pass.js';

export interface SpectralPass extends Pass {
  /** What `SpectrumFinder.take` takes, in arrays that `numbers` gives. */
  results(numbers: SpectralTools['numbers']): readonly Float64Array[];
}

/** `columns` of the matrix, whose tiles are whole rows. */
export function spectralPass({ unit, vectors }: PassContext, step: SpectralStep, columns: number): SpectralPass {
  const { kernels } = unit;
  const experts = vectors.operands.length;
  const rowsAtOnce = Math.ceil(unit.tileCapacity / columns);
  const factors = step.factors.map((factor) => place(kernels, unit.allocate(factor.byteLength), factor));
  const rows = step.factors.map(() => unit.allocate(8 * rowsAtOnce * step.width));
  const sums = step.pass === 'iterate' ? step.factors.map((factor) => unit.allocate(factor.byteLength)) : [];
  const pairs = productsOf(step.pass, experts);
  const inner = pairs.map(() => unit.allocate(8 * step.width ** 2));
  const scratch = unit.allocate(vectorBytes(unit));
  /** The matrix of a step: base, experts, task vectors; or task vectors alone. */
  const matrixOf = (index: number, base: Slot, operands: readonly Slot[], count: number): Slot => {
    if (step.pass === 'heads') return operands[index]!;
    if (index === 0) return base;
    if (index > experts) return operands[index - 1 - experts]!;
    kernels.add(scratch, operands[index - 1]!, base, count);
    return scratch;
  };
  return {
    step({ tile: { count, operands, base } }) {
      const taken = count / columns;
      for (const [index, factor] of factors.entries()) {
        const matrix = matrixOf(index, base!, operands, count);
        kernels.multiplyRows(matrix, taken, columns, factor, step.width, rows[index]!);
        if (sums.length > 0) {
          kernels.addTransposedRows(matrix, taken, columns, rows[index]!, step.width, sums[index]!);
        }
      }
      for (const [index, [a, b]] of pairs.entries()) {
        kernels.addInnerProducts(rows[a]!, rows[b]!, taken, step.width, inner[index]!);
      }
    },
    finish(): ActionResult {
      throw new RangeError('the results of a spectral pass go to its finder');
    },
    results(numbers) {
      const copy = (name: string, slot: Slot, length: number): Float64Array => {
        const array = numbers(name, length);
        array.set(new Float64Array(kernels.memory.buffer, slot, length));
        return array;
      };
      return sums.length > 0
        ? sums.map((slot, i) => copy(`sum ${i}`, slot, step.factors[i]!.length))
        : inner.map((slot, i) => copy(`${step.pass} ${i}`, slot, step.width ** 2));
    },
  };
}

function place(kernels: Kernels, slot: Slot, values: Float64Array): Slot {
  new Float64Array(kernels.memory.buffer, slot, values.length).set(values);
  return slot;
}
