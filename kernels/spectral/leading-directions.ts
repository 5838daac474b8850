/**
 * The leading right singular vector of every operand, by the Lanczos iteration: power iteration that keeps what it has
 * seen, so that some ten passes do what power iteration takes hundreds for. A pass multiplies a vector by τᵀτ, row by row.
 */
import type { Collector, CollectorScope, Outcome, Statistic, UnitPosition } from '../statistic.js';
import { OrderedTotals } from '../statistics/ordered-totals.js';
import type { TensorMerge } from '../unit.js';
import { numbersAt, placeVectors } from './row-products.js';
import { dot, thinSvd } from './thin-svd.js';

/** Passes at most. */
const MOST_STEPS = 24;
/** The iteration ends when the Ritz value's residual is below this share of it. */
const RESIDUAL = 1e-8;

/** Unit vectors of the length of a row, one for each operand; zero where the operand is. Empty for what is no matrix. */
export type Directions = readonly Float64Array[];

export type Wanted = (merge: TensorMerge) => boolean;

/** The statistic whose value for a unit is the `Directions` of its tensor; tiles hold whole rows. */
export function leadingDirections(name: string, wanted: Wanted): Statistic {
  return {
    name,
    scope: 'tensor',
    typicalPasses: MOST_STEPS / 2,
    observer(context, request) {
      const { kernels, merge } = context;
      if (!wanted(merge)) return { observe() {}, finish: () => [] };
      const columns = merge.shape[1]!;
      const vectors = (request ?? merge.operands.map(() => start(columns))) as readonly (Float64Array | undefined)[];
      const searching = vectors.flatMap((vector, operand) => (vector === undefined ? [] : [{ vector, operand }]));
      const places = searching.map(({ vector, operand }) => ({
        operand,
        direction: placeVectors(context, [vector]),
        sums: context.allocate(8 * columns),
      }));
      return {
        observe({ operands, count }) {
          for (const { operand, direction, sums } of places) {
            kernels.multiplyGram(operands[operand]!, count / columns, columns, direction, sums);
          }
        },
        finish() {
          const products = new Float64Array(columns * vectors.length);
          for (const { operand, sums } of places) products.set(numbersAt(kernels, sums, columns), operand * columns);
          return products;
        },
      };
    },
    collector: (scope) => new LanczosCollector(scope, wanted),
    valueForUnit: (value) => value,
  };
}

/** A unit vector that is in no special position: multiples of the golden ratio, modulo 1. */
function start(columns: number): Float64Array {
  const vector = Float64Array.from({ length: columns }, (_, j) => ((0.6180339887498949 * (j + 1)) % 1) - 0.5);
  return scaled(vector, 1 / (Math.sqrt(dot(vector, vector)) || 1));
}

const scaled = (vector: Float64Array, factor: number): Float64Array => vector.map((x) => x * factor);

class LanczosCollector implements Collector {
  readonly #columns: number;
  readonly #searches: Search[];
  #totals: OrderedTotals;

  constructor({ tensors: [tensor] }: CollectorScope, wanted: Wanted) {
    this.#columns = wanted(tensor!) ? tensor!.shape[1]! : 0;
    this.#searches = this.#columns === 0 ? [] : tensor!.operands.map(() => new Search(start(this.#columns)));
    this.#totals = this.#newTotals();
  }

  add(position: UnitPosition, partial: unknown): void {
    this.#totals.add(position, partial);
  }

  conclude(): Outcome {
    const { value } = this.#totals.conclude();
    this.#searches.forEach((search, k) => {
      search.step(value.slice(k * this.#columns, (k + 1) * this.#columns));
    });
    if (this.#searches.every(({ next }) => next === undefined)) {
      return { value: this.#searches.map((search) => search.direction()) };
    }
    this.#totals = this.#newTotals();
    return { request: this.#searches.map(({ next }) => next) };
  }

  #newTotals(): OrderedTotals {
    return new OrderedTotals(this.#columns * this.#searches.length);
  }
}

/** One operand's iteration: an orthonormal basis, and τᵀτ in it, which is tridiagonal. */
class Search {
  readonly #basis: Float64Array[] = [];
  readonly #diagonal: number[] = [];
  readonly #beside: number[] = [];
  /** What τᵀτ is to be multiplied by; undefined when the iteration has ended. */
  next: Float64Array | undefined;

  constructor(first: Float64Array) {
    this.next = first;
  }

  /** Takes τᵀτ times `next`. */
  step(product: Float64Array): void {
    if (this.next === undefined) return;
    this.#basis.push(this.next);
    this.#diagonal.push(dot(product, this.next));
    // Twice, as rounding leaves something of what the first time takes away.
    for (const vector of [...this.#basis, ...this.#basis]) {
      const share = dot(product, vector);
      for (let i = 0; i < product.length; i++) product[i]! -= share * vector[i]!;
    }
    const length = Math.sqrt(dot(product, product));
    const [ritz, last] = this.#leading();
    const isDone = this.#basis.length >= Math.min(MOST_STEPS, product.length) || length * last <= RESIDUAL * ritz;
    this.next = isDone ? undefined : scaled(product, 1 / length);
    if (!isDone) this.#beside.push(length);
  }

  /** The largest eigenvalue in the basis, and the size of the last component of its vector. */
  #leading(): [value: number, last: number] {
    const combination = this.#combination();
    if (combination === undefined) return [0, 1];
    return [combination.value, Math.abs(combination.right.at(-1)!)];
  }

  #combination() {
    const size = this.#basis.length;
    const matrix = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      matrix[i * size + i] = this.#diagonal[i]!;
      if (i + 1 < size) {
        matrix[i * size + i + 1] = this.#beside[i]!;
        matrix[(i + 1) * size + i] = this.#beside[i]!;
      }
    }
    return thinSvd(matrix, size, size)[0];
  }

  direction(): Float64Array {
    const vector = new Float64Array(this.#basis[0]!.length);
    const combination = this.#combination();
    combination?.right.forEach((share, k) => {
      for (let i = 0; i < vector.length; i++) vector[i]! += share * this.#basis[k]![i]!;
    });
    return vector;
  }
}
