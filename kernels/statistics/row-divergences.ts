/** How far each row of the one operand lies from the base's row, as distributions (Kullback-Leibler, of their softmax). */
import type { Collector, Statistic } from '../statistic.js';
import { rowElementsOf, vectorBytes } from '../view.js';

/** The statistic whose value for a unit is a Float32Array of one divergence for each of its rows; tiles hold whole rows. */
export function rowDivergences(name: string): Statistic {
  return {
    name,
    scope: 'tensor',
    typicalPasses: 1,
    observer(context) {
      const { kernels, allocate, firstIndex, count } = context;
      const rowElements = rowElementsOf(context);
      const scratch = allocate(8 * rowElements);
      const model = allocate(vectorBytes(context));
      const divergences = allocate(4 * Math.ceil(count / rowElements));
      return {
        observe(tile) {
          const firstRow = (tile.firstIndex - firstIndex) / rowElements;
          kernels.add(model, tile.base!, tile.operands[0]!, tile.count);
          const rows = tile.count / rowElements;
          kernels.softmaxDivergence(model, tile.base!, rowElements, rows, scratch, divergences + 4 * firstRow);
        },
        finish: () => new Float32Array(kernels.memory.buffer, divergences, Math.ceil(count / rowElements)).slice(),
      };
    },
    collector: () => new UnitValues(),
    valueForUnit: (value, { ordinal }) => (value as ReadonlyMap<number, unknown>).get(ordinal),
  };
}

/** Keeps what each unit found for the unit itself. */
class UnitValues implements Collector {
  readonly #values = new Map<number, unknown>();

  add({ ordinal }: { readonly ordinal: number }, partial: unknown): void {
    this.#values.set(ordinal, partial);
  }

  conclude(): { value: unknown } {
    return { value: this.#values };
  }
}
