/**
 * Spectra of a matrix in all models of a group, without ever holding one: a block Krylov iteration on AᵀA over blocks of
 * rows (Musco and Musco, arXiv:1504.05477), for the base, every expert and every task vector side by side, and then a
 * Rayleigh–Ritz step in float64.
 */
import { type Eigen, largestAngle, placeColumns, product, transposedProduct } from './dense.js';
import { randomBits } from './projection.js';
import { pairIndex } from './unit-sums.js';

/** Singular directions that are reported on, and those iterated: more converge better. */
const SPECTRAL_RANK = 8;
const SPECTRAL_WIDTH = 16;
/** Passes of the iteration; two more find singular values, and what experts make of each other's heads. */
const SPECTRAL_ITERATIONS = 3;
/** Share of the largest eigenvalue of AᵀA up to which others are rounding: directions that A does not have. */
const ROUNDING = 64 * Number.EPSILON;
/** Columns of the basis at the end: the start and what each iteration made of it. */
export const BASIS_WIDTH = SPECTRAL_WIDTH * (1 + SPECTRAL_ITERATIONS);

/** Time that two vectors take to be made orthogonal, an element, in that of a product (measured). */
const ORTHOGONAL_COST = 3;

/** Times a matrix is read. */
export const SPECTRAL_PASSES = SPECTRAL_ITERATIONS + 2;

/** What of a matrix adds up over matrices. By expert, pairs as (0,1), (0,2), …; all float64. */
export interface SpectralSums {
  /** σ₁(τ)², and Σ σ² of the SPECTRAL_RANK largest. */
  readonly heads: readonly number[];
  readonly leading: readonly number[];
  /** Σ (σᵢ(W) − σᵢ(base))² and Σ σᵢ(base)² over the SPECTRAL_RANK largest. */
  readonly shifts: readonly number[];
  readonly base: number;
  /** Largest principal angles between the leading singular subspaces of base and expert, radians. */
  readonly leftAngles: readonly number[];
  readonly rightAngles: readonly number[];
  /** ⟨Hᵢ,Hⱼ⟩ of the rank-one heads, and ⟨τᵢ,Hⱼ⟩ + ⟨Hᵢ,τⱼ⟩, by pair. */
  readonly headDots: readonly number[];
  readonly crossDots: readonly number[];
}

/** What a pass over the rows is for. */
export type SpectralPass = 'iterate' | 'project' | 'heads';

/** One pass: Y = A·factor for all matrices; `iterate` needs AᵀY, the others inner products of Y. */
export interface SpectralStep {
  readonly pass: SpectralPass;
  readonly width: number;
  /** By matrix: base, experts, task vectors; columns × width, row-major. `heads` has task vectors only. */
  readonly factors: readonly Float64Array[];
}

/** Inner products Yₐᵀ·Y_b (width², row-major) that a pass adds up, in this order. */
export function productsOf(pass: SpectralPass, experts: number): readonly (readonly [number, number])[] {
  if (pass === 'iterate') return [];
  if (pass === 'heads') return pairsOf(experts);
  const own = Array.from({ length: 1 + 2 * experts }, (_, i) => [i, i] as const);
  const toBase = Array.from({ length: experts }, (_, j) => [0, 1 + j] as const);
  const between = pairsOf(experts).map(([j, k]) => [1 + experts + j, 1 + experts + k] as const);
  return [...own, ...toBase, ...between];
}

function pairsOf(experts: number): (readonly [number, number])[] {
  return Array.from({ length: experts }, (_, j) =>
    Array.from({ length: experts - j - 1 }, (_, d) => [j, j + 1 + d] as const),
  ).flat();
}

interface Spectrum {
  /** The SPECTRAL_RANK largest, descending; 0 for what is rounding. */
  readonly values: Float64Array;
  /** Their eigenvectors within the basis, and right singular vectors: SPECTRAL_RANK columns each. */
  readonly within: Float64Array;
  readonly right: Float64Array;
}

/** What is done in kernels. */
export interface SpectralTools {
  /** Eigenvalues of a symmetric matrix of `size`², descending, and vectors as columns: the `count` largest. */
  leadingEigen(matrix: Float64Array, size: number, count: number): Eigen;
  /** Makes the `width` columns of a row-major matrix orthonormal in place; those that depend on earlier ones become 0. */
  orthonormalize(matrix: Float64Array, width: number): void;
  /** Zeros that last until numbers of this name are asked for again: garbage of some megabytes would lie about for long. */
  numbers(name: string, length: number): Float64Array;
}

/** Leads the passes over one matrix: `step` says what to do next, `take` takes what it gave. */
export class SpectrumFinder {
  readonly #experts: number;
  readonly #columns: number;
  readonly #tools: SpectralTools;
  #factors: readonly Float64Array[];
  /**
   * By matrix, columns × BASIS_WIDTH: the start, and what each iteration made of it, side by side. All that the iteration
   * came across tells far more of the leading directions than what it came to in the end.
   */
  readonly #bases: Float64Array[];
  #iterations = SPECTRAL_ITERATIONS;
  #spectra: Spectrum[] | undefined;
  #products: readonly Float64Array[] = [];
  #sums: SpectralSums | undefined;

  /** `key` is that of the tensor's random numbers, which the first subspace is made of. */
  constructor(experts: number, columns: number, key: readonly [low: number, high: number], tools: SpectralTools) {
    this.#experts = experts;
    this.#columns = columns;
    this.#tools = tools;
    const start = this.#numbersOf('start', SPECTRAL_WIDTH);
    for (let i = 0; i < start.length; i++) start[i] = randomBits(i, key) / 2 ** 31 - 1;
    tools.orthonormalize(start, SPECTRAL_WIDTH);
    this.#factors = Array.from({ length: 1 + 2 * experts }, () => start);
    this.#bases = this.#factors.map((_, matrix) => this.#numbersOf(`basis ${matrix}`, BASIS_WIDTH));
    this.#keep(this.#factors, 0);
  }

  /** The next pass; undefined when all is known. */
  get step(): SpectralStep | undefined {
    if (this.#sums !== undefined) return undefined;
    if (this.#spectra !== undefined) return { pass: 'heads', width: this.#experts, factors: this.#headFactors() };
    if (this.#iterations > 0) return { pass: 'iterate', width: SPECTRAL_WIDTH, factors: this.#factors };
    return { pass: 'project', width: BASIS_WIDTH, factors: this.#factors };
  }

  /** Takes the result of a pass, which is its to keep: AᵀY by matrix, or the inner products in the order of `productsOf`. */
  take(results: readonly Float64Array[]): void {
    if (this.#spectra !== undefined) this.#sums = this.#conclude(this.#spectra, results);
    else if (this.#iterations > 0) {
      this.#iterations--;
      for (const factor of results) this.#tools.orthonormalize(factor, SPECTRAL_WIDTH);
      this.#keep(results, SPECTRAL_ITERATIONS - this.#iterations);
      this.#factors = results;
      if (this.#iterations > 0) return;
      for (const basis of this.#bases) this.#tools.orthonormalize(basis, BASIS_WIDTH);
      this.#factors = this.#bases;
    } else {
      this.#products = results;
      this.#spectra = this.#factors.map((factor, i) => this.#spectrumOf(i, factor, results[i]!));
    }
  }

  /** Writes what an iteration made to its place in the bases. */
  #keep(factors: readonly Float64Array[], iteration: number): void {
    for (const [matrix, factor] of factors.entries()) {
      placeColumns(this.#bases[matrix]!, BASIS_WIDTH, factor, SPECTRAL_WIDTH, iteration * SPECTRAL_WIDTH);
    }
  }

  get sums(): SpectralSums {
    return this.#sums!;
  }

  #spectrumOf(matrix: number, factor: Float64Array, gram: Float64Array): Spectrum {
    const { values, vectors } = this.#tools.leadingEigen(gram, BASIS_WIDTH, SPECTRAL_RANK);
    const floor = ROUNDING * values[0]!;
    return {
      values: values.map((value) => (value > floor ? Math.sqrt(value) : Number.isNaN(value) ? value : 0)),
      within: vectors,
      right: product(factor, BASIS_WIDTH, vectors, SPECTRAL_RANK, this.#numbersOf(`right ${matrix}`, SPECTRAL_RANK)),
    };
  }

  /** A matrix of `width` numbers for each column of those that are analysed. */
  #numbersOf(name: string, width: number): Float64Array {
    return this.#tools.numbers(name, this.#columns * width);
  }

  /** For each task vector the same factor: the first right singular vector of every task vector, side by side. */
  #headFactors(): Float64Array[] {
    const heads = this.#numbersOf('heads', this.#experts);
    for (let j = 0; j < this.#experts; j++) {
      const { right } = this.#spectra![1 + this.#experts + j]!;
      for (let column = 0; column < this.#columns; column++) {
        heads[column * this.#experts + j] = right[column * SPECTRAL_RANK]!;
      }
    }
    return Array.from({ length: this.#experts }, () => heads);
  }

  #conclude(spectra: readonly Spectrum[], headProducts: readonly Float64Array[]): SpectralSums {
    const experts = this.#experts;
    const [base, ...others] = spectra as [Spectrum, ...Spectrum[]];
    const [models, changes] = [others.slice(0, experts), others.slice(experts)];
    const leading = (values: Float64Array) => values.subarray(0, SPECTRAL_RANK);
    const squares = (values: Float64Array) => leading(values).reduce((sum, value) => sum + value * value, 0);
    const pairs = pairsOf(experts);
    return {
      heads: changes.map(({ values }) => values[0]! ** 2),
      leading: changes.map(({ values }) => squares(values)),
      shifts: models.map(({ values }) => squares(values.map((value, i) => value - base.values[i]!))),
      base: squares(base.values),
      leftAngles: models.map((model, j) => this.#leftAngle(base, model, this.#products[1 + 2 * experts + j]!)),
      rightAngles: models.map((model) => this.#rightAngle(base, model)),
      headDots: pairs.map(([j, k], pair) => {
        const between = this.#products[1 + 3 * experts + pair]!;
        const left = this.#alongFirst(between, changes[j]!, changes[k]!);
        return left * this.#dotFirst(changes[j]!.right, changes[k]!.right);
      }),
      // Row j of Yⱼᵀ·Y_k: (τⱼvⱼ)·(τ_k vⱼ) = ⟨τ_k, Hⱼ⟩, and column k the other way round.
      crossDots: pairs.map(([j, k]) => {
        const inner = headProducts[pairIndex(j, k, experts)]!;
        return inner[j * experts + j]! + inner[k * experts + k]!;
      }),
    };
  }

  /** (A v₁)·(B w₁) = σ₁(A) σ₁(B) u₁·u₁', from the inner products of both in their subspaces. */
  #alongFirst(between: Float64Array, a: Spectrum, b: Spectrum): number {
    let sum = 0;
    for (let i = 0; i < BASIS_WIDTH; i++) {
      for (let j = 0; j < BASIS_WIDTH; j++) {
        sum += a.within[i * SPECTRAL_RANK]! * between[i * BASIS_WIDTH + j]! * b.within[j * SPECTRAL_RANK]!;
      }
    }
    return sum;
  }

  #dotFirst(a: Float64Array, b: Float64Array): number {
    let sum = 0;
    for (let at = 0; at < a.length; at += SPECTRAL_RANK) sum += a[at]! * b[at]!;
    return sum;
  }

  /** How many directions both have: the rank, where it is below SPECTRAL_RANK. */
  #common(a: Spectrum, b: Spectrum): number {
    const floor = 1e-10 * a.values[0]!;
    let k = 0;
    while (k < SPECTRAL_RANK && a.values[k]! > floor && b.values[k]! > floor) k++;
    return k;
  }

  #rightAngle(a: Spectrum, b: Spectrum): number {
    const k = this.#common(a, b);
    return this.#angle(transposedProduct(a.right, SPECTRAL_RANK, b.right, SPECTRAL_RANK), k);
  }

  /** Left singular vectors are A·v/σ, so their inner products follow from those of Y = A·Z. */
  #leftAngle(a: Spectrum, b: Spectrum, between: Float64Array): number {
    const k = this.#common(a, b);
    const turned = product(
      transposedProduct(a.within, SPECTRAL_RANK, between, BASIS_WIDTH),
      BASIS_WIDTH,
      b.within,
      SPECTRAL_RANK,
    );
    const scaled = turned.map(
      (value, at) => value / (a.values[Math.floor(at / SPECTRAL_RANK)]! * b.values[at % SPECTRAL_RANK]!),
    );
    return this.#angle(scaled, k);
  }

  #angle(inner: Float64Array, k: number): number {
    if (k === 0) return 0;
    const corner = Float64Array.from(
      { length: k * k },
      (_, at) => inner[Math.floor(at / k) * SPECTRAL_RANK + (at % k)]!,
    );
    return largestAngle(corner, k);
  }
}

/** Whether a tensor has a spectrum to speak of: a matrix with more directions than are iterated. */
export function hasSpectrum(shape: readonly number[]): boolean {
  return shape.length === 2 && Math.min(...shape) > SPECTRAL_WIDTH;
}

/** Floating-point operations for a matrix of this shape: products, and bases that are made orthonormal. */
export function spectralCost([rows, columns]: readonly [number, number], experts: number): number {
  const matrices = 1 + 2 * experts;
  const products = matrices * (2 * SPECTRAL_ITERATIONS * SPECTRAL_WIDTH + BASIS_WIDTH) + experts * experts;
  return 2 * columns * (rows * products + ORTHOGONAL_COST * matrices * BASIS_WIDTH ** 2);
}
