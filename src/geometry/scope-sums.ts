/** Sums over a scope: units added up to a tensor, tensors to layers, kinds of modules and the whole model. */
import { BASE_MAGNITUDE_BINS, CHANGE_COUNTERS } from '../../kernels/abi.js';
import { CountsSum } from '../../kernels/statistics/counts-sum.js';
import type { SparseCounts } from '../../kernels/statistics/sparse-counts.js';
import { pairCount, type UnitSums } from './unit-sums.js';

/** The f64 sums, whose order of addition matters. */
export interface RealSums {
  baseSquares: number;
  conflict: number;
  mass: number;
  /** As in `UnitSums`. */
  readonly squares: Float64Array;
  readonly squaredDistances: Float64Array;
  readonly products: Float64Array;
  readonly squaredProducts: Float64Array;
  readonly overlapSquares: Float64Array;
}

function emptyReals(experts: number): RealSums {
  const pairs = pairCount(experts);
  return {
    baseSquares: 0,
    conflict: 0,
    mass: 0,
    squares: new Float64Array(experts),
    squaredDistances: new Float64Array(pairs),
    products: new Float64Array(pairs),
    squaredProducts: new Float64Array(pairs),
    overlapSquares: new Float64Array(2 * pairs),
  };
}

/** Those by expert or pair. */
const vectorsOf = ({
  squares,
  squaredDistances,
  products,
  squaredProducts,
  overlapSquares,
}: RealSums): Float64Array[] => [squares, squaredDistances, products, squaredProducts, overlapSquares];

/** The same, of which only numbers are read. */
export type RealParts = {
  readonly [K in keyof RealSums]: RealSums[K] extends number ? number : ArrayLike<number>;
};

function addReals(total: RealSums, part: RealParts): void {
  total.baseSquares += part.baseSquares;
  total.conflict += part.conflict;
  total.mass += part.mass;
  addAll(total.squares, part.squares);
  addAll(total.squaredDistances, part.squaredDistances);
  addAll(total.products, part.products);
  addAll(total.squaredProducts, part.squaredProducts);
  addAll(total.overlapSquares, part.overlapSquares);
}

function addAll(total: Float64Array, part: ArrayLike<number>): void {
  for (let i = 0; i < total.length; i++) total[i]! += part[i]!;
}

/** Everything the metrics of one scope are computed from. Counts are exact in f64 up to 2^53. */
export class ScopeSums {
  readonly experts: number;
  readonly reals: RealSums;
  elements = 0;
  cancelled = 0;
  /** Elements by mask of the experts that changed them. */
  readonly byMask: Float64Array;
  /** Elements by base magnitude, all and changed by each expert. */
  readonly byMagnitude = new Float64Array(BASE_MAGNITUDE_BINS);
  readonly changedByMagnitude: readonly Float64Array[];
  /** Elements changed in opposite directions, by pair. */
  readonly opposed: Float64Array;
  readonly changes: readonly Float64Array[];
  readonly maximum: number[];
  magnitudes: readonly CountsSum[];

  constructor(experts: number) {
    this.experts = experts;
    this.reals = emptyReals(experts);
    this.byMask = new Float64Array(1 << experts);
    this.opposed = new Float64Array(pairCount(experts));
    const forEach = <T>(make: () => T): T[] => Array.from({ length: experts }, make);
    this.changedByMagnitude = forEach(() => new Float64Array(BASE_MAGNITUDE_BINS));
    this.changes = forEach(() => new Float64Array(CHANGE_COUNTERS));
    this.maximum = forEach(() => 0);
    this.magnitudes = forEach(() => new CountsSum());
  }

  /** Back to the sums of nothing, to be used once more. */
  clear(): void {
    const counts = [this.byMask, this.byMagnitude, this.opposed, ...this.changedByMagnitude, ...this.changes];
    for (const array of [...counts, ...vectorsOf(this.reals)]) array.fill(0);
    Object.assign(this.reals, { baseSquares: 0, conflict: 0, mass: 0 });
    this.maximum.fill(0);
    this.magnitudes = this.magnitudes.map(() => new CountsSum());
    this.elements = 0;
    this.cancelled = 0;
  }

  /** Adds the f64 sums of a part. The order of calls decides the rounding, so it must not depend on arrival. */
  addReals(part: RealParts): void {
    addReals(this.reals, part);
  }

  /** Adds the counts of a unit, in any order. */
  addCounts(unit: UnitSums): void {
    this.elements += unit.elements;
    this.cancelled += unit.cancelled;
    addAll(this.opposed, unit.opposed);
    this.#addMasks(unit.masks);
    for (let expert = 0; expert < this.experts; expert++) {
      addAll(this.changes[expert]!, unit.changes[expert]!);
      this.maximum[expert] = Math.max(this.maximum[expert]!, unit.maximum[expert]!);
      this.magnitudes[expert]!.add(unit.magnitudes[expert]!);
    }
  }

  /** Adds the counts of a part, in any order. */
  addCountsOf(part: ScopeSums): void {
    this.elements += part.elements;
    this.cancelled += part.cancelled;
    addAll(this.opposed, part.opposed);
    addAll(this.byMask, part.byMask);
    this.#addMagnitudes(part);
    for (let expert = 0; expert < this.experts; expert++) {
      addAll(this.changes[expert]!, part.changes[expert]!);
      this.maximum[expert] = Math.max(this.maximum[expert]!, part.maximum[expert]!);
      this.magnitudes[expert]!.add(part.magnitudes[expert]!.total());
    }
  }

  /** A small tensor has few magnitudes, and a mixture of experts has thousands of small tensors. */
  #addMagnitudes({ byMagnitude, changedByMagnitude }: ScopeSums): void {
    for (let magnitude = 0; magnitude < byMagnitude.length; magnitude++) {
      const count = byMagnitude[magnitude]!;
      if (count === 0) continue;
      this.byMagnitude[magnitude]! += count;
      for (let expert = 0; expert < this.experts; expert++) {
        this.changedByMagnitude[expert]![magnitude]! += changedByMagnitude[expert]![magnitude]!;
      }
    }
  }

  #addMasks({ bins, counts }: SparseCounts): void {
    const maskBits = (1 << this.experts) - 1;
    for (let i = 0; i < bins.length; i++) {
      const mask = bins[i]! & maskBits;
      const magnitude = bins[i]! >>> this.experts;
      const count = counts[i]!;
      this.byMask[mask]! += count;
      this.byMagnitude[magnitude]! += count;
      for (let expert = 0; expert < this.experts; expert++) {
        if (mask & (1 << expert)) this.changedByMagnitude[expert]![magnitude]! += count;
      }
    }
  }
}
