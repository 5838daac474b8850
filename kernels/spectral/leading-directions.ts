/**
 * The leading right singular vector of every operand, by the Lanczos iteration: power iteration that keeps what it has
 * seen, so that some ten passes do what power iteration takes hundreds for. A pass multiplies a vector by τᵀτ, row by row;
 * the first one gathers the operands' inner products as well, which spares reading all of them once more.
 */
import type { Collector, CollectorScope, Outcome, Statistic, UnitPosition } from '../statistic.js';
import { type Gram, productMeter } from '../statistics/gram.js';
import { OrderedTotals } from '../statistics/ordered-totals.js';
import type { TensorMerge, UnitContext } from '../unit.js';
import { LanczosSearch, MOST_STEPS, startingVector } from './lanczos.js';
import { numbersAt } from './numbers.js';
import { placeVectors } from './row-products.js';

export interface LeadingDirections {
  /** Unit vectors of the length of a row, one for each operand; zero where the operand is. Empty for what is no matrix. */
  readonly directions: readonly Float64Array[];
  /** Of all operands; of none for what is no matrix. */
  readonly gram: Gram;
}

export type Wanted = (merge: TensorMerge) => boolean;

/** What τᵀτ of each operand is to be multiplied by; undefined for those whose direction is found. */
type Request = readonly (Float64Array | undefined)[];

/** The statistic whose value for a unit is the `LeadingDirections` of its tensor; tiles hold whole rows. */
export function leadingDirections(name: string, wanted: Wanted): Statistic {
  return {
    name,
    scope: 'tensor',
    typicalPasses: MOST_STEPS / 2,
    observer(context, request) {
      const { kernels, merge } = context;
      if (!wanted(merge)) return { observe() {}, finish: () => [] };
      const columns = merge.shape[1]!;
      const size = merge.operands.length;
      const vectors = (request ?? merge.operands.map(() => startingVector(columns))) as Request;
      const places = placeSearches(context, vectors);
      const meter = request === null ? productMeter(context, size) : undefined;
      return {
        unused: new Set([...vectors.keys()].filter((k) => vectors[k] === undefined)),
        observe({ operands, count }) {
          for (const { operand, direction, sums } of places) {
            kernels.multiplyGram(operands[operand]!, count / columns, columns, direction, sums);
          }
          meter?.add(operands, count);
        },
        finish() {
          const totals = new Float64Array(columns * size + (meter === undefined ? 0 : size * size));
          for (const { operand, sums } of places) totals.set(numbersAt(kernels, sums, columns), operand * columns);
          if (meter !== undefined) totals.set(Array.from(meter.take().products), columns * size);
          return totals;
        },
      };
    },
    collector: (scope) => new LanczosCollector(scope, wanted),
    valueForUnit: (value) => value,
  };
}

function placeSearches(context: UnitContext, request: Request) {
  return request.flatMap((vector, operand) => {
    if (vector === undefined) return [];
    return { operand, direction: placeVectors(context, [vector]), sums: context.allocate(vector.byteLength) };
  });
}

class LanczosCollector implements Collector {
  readonly #columns: number;
  readonly #searches: readonly LanczosSearch[];
  #totals: OrderedTotals;
  /** From the first pass on. */
  #gram: Gram | undefined;

  constructor({ tensors: [tensor] }: CollectorScope, wanted: Wanted) {
    const isWanted = wanted(tensor!);
    this.#columns = isWanted ? tensor!.shape[1]! : 0;
    const operands = isWanted ? tensor!.operands : [];
    this.#searches = operands.map(() => new LanczosSearch(startingVector(this.#columns)));
    this.#totals = this.#newTotals(operands.length ** 2);
  }

  add(position: UnitPosition, partial: unknown): void {
    this.#totals.add(position, partial);
  }

  conclude(): Outcome {
    const { value } = this.#totals.conclude();
    const size = this.#searches.length;
    this.#gram ??= { size, products: value.slice(size * this.#columns) };
    this.#searches.forEach((search, k) => {
      search.step(value.subarray(k * this.#columns, (k + 1) * this.#columns));
    });
    if (this.#searches.every(({ next }) => next === undefined)) {
      const directions = this.#searches.map((search) => search.direction());
      return { value: { directions, gram: this.#gram } satisfies LeadingDirections };
    }
    this.#totals = this.#newTotals(0);
    return { request: this.#searches.map(({ next }) => next) satisfies Request };
  }

  #newTotals(more: number): OrderedTotals {
    return new OrderedTotals(this.#columns * this.#searches.length + more);
  }
}
