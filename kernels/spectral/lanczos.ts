/** The Lanczos iteration for the largest eigenvalue of τᵀτ, which is known by its products with vectors alone. */
import { type Eigenpair, largestEigenpair } from './tridiagonal.js';
import { dot, takeAway } from './vectors.js';

/** Products at most. */
export const MOST_STEPS = 24;
/**
 * The iteration ends when the Ritz value's residual is at most this share of it. The direction's error is about as large,
 * and so is that of the change: nothing is seen of it in bf16, and in f32 one weight in some hundreds rounds otherwise.
 */
const RESIDUAL = 1e-6;

/** A unit vector that is in no special position: multiples of the golden ratio, modulo 1. */
export function startingVector(columns: number): Float64Array {
  const vector = Float64Array.from({ length: columns }, (_, j) => ((0.6180339887498949 * (j + 1)) % 1) - 0.5);
  return scaled(vector, 1 / (Math.sqrt(dot(vector, vector)) || 1));
}

/** One search: an orthonormal basis, and τᵀτ in it, which is tridiagonal. */
export class LanczosSearch {
  readonly #basis: Float64Array[] = [];
  readonly #diagonal: number[] = [];
  readonly #beside: number[] = [];
  #found: Eigenpair | undefined;
  #next: Float64Array | undefined;

  constructor(first: Float64Array) {
    this.#next = first;
  }

  /** What τᵀτ is to be multiplied by; undefined when the iteration has ended. */
  get next(): Float64Array | undefined {
    return this.#next;
  }

  /** Takes τᵀτ times `next`, and overwrites it. */
  step(product: Float64Array): void {
    if (this.#next === undefined) return;
    const own = dot(product, this.#next);
    takeAway(product, own, this.#next);
    const before = this.#basis.at(-1);
    if (before !== undefined) takeAway(product, this.#beside.at(-1)!, before);
    this.#basis.push(this.#next);
    this.#diagonal.push(own);
    // Nothing more but for rounding, which would add up.
    for (const vector of this.#basis) takeAway(product, dot(product, vector), vector);
    const length = Math.sqrt(dot(product, product));
    this.#found = largestEigenpair({ diagonal: this.#diagonal, beside: this.#beside });
    const isDone = this.#basis.length >= Math.min(MOST_STEPS, product.length) || this.#isGood(length);
    this.#next = isDone ? undefined : scaled(product, 1 / length);
    if (!isDone) this.#beside.push(length);
  }

  /** Also where there is nothing to be found: τ is zero, or some number is not finite. */
  #isGood(length: number): boolean {
    if (this.#found === undefined) return true;
    return !(length * Math.abs(this.#found.vector.at(-1)!) > RESIDUAL * this.#found.value);
  }

  /** The eigenvector; zero where τ is. */
  direction(): Float64Array {
    const direction = new Float64Array(this.#basis[0]!.length);
    this.#found?.vector.forEach((share, k) => {
      takeAway(direction, -share, this.#basis[k]!);
    });
    return direction;
  }
}

function scaled(vector: Float64Array, factor: number): Float64Array {
  const result = new Float64Array(vector.length);
  for (let i = 0; i < vector.length; i++) result[i] = vector[i]! * factor;
  return result;
}
