/** The f64 sums of many tensors, each a row of numbers until they are added up in order. */
import type { RealParts, RealSums } from './scope-sums.js';
import { pairCount } from './unit-sums.js';

/** Sums that are a single number. */
const SINGLE = 3;

export class RealRows {
  readonly #experts: number;
  readonly #pairs: number;
  readonly #width: number;
  readonly #numbers: Float64Array;

  /** Rows of zeros. */
  constructor(rows: number, experts: number) {
    this.#experts = experts;
    this.#pairs = pairCount(experts);
    this.#width = SINGLE + experts + 5 * this.#pairs;
    this.#numbers = new Float64Array(rows * this.#width);
  }

  set(row: number, { baseSquares, conflict, mass, ...vectors }: RealSums): void {
    const to = row * this.#width;
    this.#numbers.set([baseSquares, conflict, mass], to);
    const { squares, squaredDistances, products, squaredProducts, overlapSquares } = this.#vectorsOf(to + SINGLE);
    squares.set(vectors.squares);
    squaredDistances.set(vectors.squaredDistances);
    products.set(vectors.products);
    squaredProducts.set(vectors.squaredProducts);
    overlapSquares.set(vectors.overlapSquares);
  }

  /** Views of a row. */
  at(row: number): RealParts {
    const from = row * this.#width;
    const [baseSquares, conflict, mass] = this.#numbers.subarray(from, from + SINGLE);
    return { baseSquares: baseSquares!, conflict: conflict!, mass: mass!, ...this.#vectorsOf(from + SINGLE) };
  }

  #vectorsOf(from: number) {
    const [experts, pairs] = [this.#experts, this.#pairs];
    const vector = (begin: number, length: number) => this.#numbers.subarray(from + begin, from + begin + length);
    return {
      squares: vector(0, experts),
      products: vector(experts, pairs),
      squaredProducts: vector(experts + pairs, pairs),
      overlapSquares: vector(experts + 2 * pairs, 2 * pairs),
      squaredDistances: vector(experts + 4 * pairs, pairs),
    };
  }
}
