/**
 * Eigenvalues and eigenvectors of symmetric matrices in f64: Householder reflections make the matrix tridiagonal, the
 * implicit QL iteration makes it diagonal (Golub and Van Loan, "Matrix Computations", sections 8.3 and 8.4). O(size³),
 * with the inner loops in kernels. Squares of the numbers have to be doubles, as those of inner products of f32 are.
 */
import type { Kernels } from '../abi.js';
import { ROTATION_BYTES } from '../abi-linear-algebra.js';
import type { Slot } from '../slot.js';
import { F64_BYTES, numbersAt } from './numbers.js';

/** Rotations that are gathered before vectors are rotated: many, so that a strip of the vectors stays in the cache. */
const MOST_ROTATIONS = 65_536;

/** Steps of the iteration for an eigenvalue at most; two are usual, and more than a few mean numbers that are not finite. */
const MOST_STEPS = 60;

/** Takes bytes of kernel memory, as `UnitContext.allocate` does. */
type Allocate = (bytes: number) => Slot;

/** Row-major: column c of `vectors` belongs to value c. */
export interface LeadingEigenpairs {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/** Decomposes matrices of up to `largest` rows, one after the other, in kernel memory that it takes at first. */
export class SymmetricEigen {
  readonly #kernels: Kernels;
  /** `size`² f64: where the matrix is to be put; decomposing it destroys it. */
  readonly matrix: Slot;
  /** `size`² f64: what of the decomposition `vectors` reads; free for other use when these have been taken. */
  readonly reflectors: Slot;
  /** `size`² f64: eigenvectors of the tridiagonal matrix, as rows. */
  readonly rows: Slot;
  readonly #vectors: readonly [v: Slot, w: Slot, next: Slot, products: Slot, factors: Slot];
  readonly #rotations: Slot;
  /** The same memory as numbers, three to a rotation, and as u32. */
  #entries: Float64Array = new Float64Array();
  #uppers: Uint32Array = new Uint32Array();
  #waiting = 0;
  #size = 0;

  constructor(kernels: Kernels, allocate: Allocate, largest: number) {
    this.#kernels = kernels;
    const square = F64_BYTES * largest ** 2;
    this.matrix = allocate(square);
    this.reflectors = allocate(square);
    this.rows = allocate(square);
    const vector = (): Slot => allocate(F64_BYTES * largest);
    this.#vectors = [vector(), vector(), vector(), vector(), vector()];
    this.#rotations = allocate(ROTATION_BYTES * MOST_ROTATIONS);
  }

  /** Decomposes what is in `matrix`; returns the eigenvalues, in no order: NaN where the matrix is not finite. */
  decompose(size: number): Float64Array {
    this.#size = size;
    this.#entries = this.#f64(this.#rotations, (ROTATION_BYTES / F64_BYTES) * MOST_ROTATIONS);
    this.#uppers = new Uint32Array(this.#kernels.memory.buffer, this.#rotations, 2 * this.#entries.length);
    const { diagonal, beside } = this.#reduce();
    this.#f64(this.rows, size * size).fill(0);
    for (let i = 0; i < size; i++) this.#f64(this.rows + F64_BYTES * i * (size + 1), 1)[0] = 1;
    this.#diagonalize(diagonal, beside);
    this.#rotate();
    return diagonal;
  }

  /** Writes the unit eigenvectors of the eigenvalues at these indices as rows; to `rows` itself only in ascending order. */
  vectors(indices: readonly number[], destination: Slot): void {
    const size = this.#size;
    indices.forEach((index, i) => {
      const from = this.#f64(this.rows + F64_BYTES * index * size, size);
      this.#f64(destination + F64_BYTES * i * size, size).set(from);
    });
    this.#kernels.reflectRows(destination, indices.length, size, this.reflectors, this.#vectors[4]);
  }

  /** The `count` largest eigenvalues of a matrix (row-major), descending, and their unit eigenvectors as columns. */
  leading(matrix: Float64Array, size: number, count: number): LeadingEigenpairs {
    this.#f64(this.matrix, size * size).set(matrix);
    const values = this.decompose(size);
    const order = [...values.keys()].sort((i, j) => values[j]! - values[i]! || i - j).slice(0, count);
    this.vectors(order, this.matrix);
    const rows = this.#f64(this.matrix, count * size);
    const vectors = Float64Array.from(
      { length: size * count },
      (_, at) => rows[(at % count) * size + Math.floor(at / count)]!,
    );
    return { values: Float64Array.from(order, (index) => values[index]!), vectors };
  }

  #f64(slot: Slot, length: number): Float64Array {
    return numbersAt(this.#kernels, slot, length);
  }

  /** Makes the matrix tridiagonal: each row but the last two is reflected onto its first two elements. */
  #reduce(): { diagonal: Float64Array; beside: Float64Array } {
    const size = this.#size;
    const [vSlot, wSlot, nextSlot, productsSlot] = this.#vectors;
    const [v, w, next, products, factors] = this.#vectors.map((slot) => this.#f64(slot, size).fill(0)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const [diagonal, beside] = [new Float64Array(size), new Float64Array(size)];
    for (let j = 0; j < size; j++) {
      const row = this.#f64(this.matrix + F64_BYTES * j * size, size);
      // What the step before takes from the rows, which the kernel takes from the others.
      for (let k = j; k < size; k++) row[k]! -= v[j]! * w[k]! + w[j]! * v[k]!;
      diagonal[j] = row[j]!;
      const { factor, length } = reflectorOf(row, j + 1, next);
      beside[j] = length;
      factors[j] = factor;
      this.#f64(this.reflectors + F64_BYTES * j * size, size).set(next);
      this.#kernels.reduceRows(this.matrix, size, j + 1, vSlot, wSlot, nextSlot, productsSlot);
      let inner = 0;
      for (let k = j + 1; k < size; k++) inner += factor * products[k]! * next[k]!;
      for (let k = j + 1; k < size; k++) w[k] = factor * products[k]! - 0.5 * factor * inner * next[k]!;
      v.set(next);
    }
    return { diagonal, beside };
  }

  /** The implicit QL iteration. Rotations go to the rows. */
  #diagonalize(d: Float64Array, e: Float64Array): void {
    const size = d.length;
    let norm = 0;
    for (let i = 0; i < size; i++) norm = Math.max(norm, Math.abs(d[i]!) + Math.abs(e[i]!));
    if (!Number.isFinite(norm)) {
      d.fill(Number.NaN);
      return;
    }
    // As exact as the sums that the matrix was made of.
    const isNothing = (i: number): boolean =>
      !(Math.abs(e[i]!) > Number.EPSILON * Math.max(Math.abs(d[i]!) + Math.abs(d[i + 1]!), norm / 8));
    for (let first = 0; first < size; first++) {
      for (let step = 0; step < MOST_STEPS; step++) {
        let last = first;
        while (last < size - 1 && !isNothing(last)) last++;
        if (last === first) break;
        this.#sweep(d, e, first, last);
      }
    }
  }

  /** One step on elements `first` to `last`, from the end to the beginning. */
  #sweep(d: Float64Array, e: Float64Array, first: number, last: number): void {
    const ratio = (d[first + 1]! - d[first]!) / (2 * e[first]!);
    const root = Math.sqrt(ratio * ratio + 1);
    let g = d[last]! - d[first]! + e[first]! / (ratio + (ratio < 0 ? -root : root));
    let [sine, cosine, shift] = [1, 1, 0];
    for (let i = last - 1; i >= first; i--) {
      const [f, b] = [sine * e[i]!, cosine * e[i]!];
      const length = Math.sqrt(f * f + g * g);
      e[i + 1] = length;
      if (length === 0) {
        d[i + 1]! -= shift;
        e[last] = 0;
        return;
      }
      [sine, cosine] = [f / length, g / length];
      g = d[i + 1]! - shift;
      const turned = (d[i]! - g) * sine + 2 * cosine * b;
      shift = sine * turned;
      d[i + 1] = g + shift;
      g = cosine * turned - b;
      this.#note(i, cosine, sine);
    }
    d[first]! -= shift;
    e[first] = g;
    e[last] = 0;
  }

  #note(upper: number, cosine: number, sine: number): void {
    const at = (ROTATION_BYTES / F64_BYTES) * this.#waiting++;
    this.#uppers[2 * at] = upper;
    this.#entries[at + 1] = cosine;
    this.#entries[at + 2] = sine;
    if (this.#waiting === MOST_ROTATIONS) this.#rotate();
  }

  #rotate(): void {
    this.#kernels.rotateRows(this.rows, this.#size, this.#rotations, this.#waiting);
    this.#waiting = 0;
  }
}

/**
 * Writes the vector v, from element `first` on, with which x − factor·(x·v)·v is a multiple of the unit vector at `first`,
 * and zeros before; `length` is what is left there.
 */
function reflectorOf(row: Float64Array, first: number, v: Float64Array): { factor: number; length: number } {
  v.fill(0);
  const alpha = row[first] ?? 0;
  let squares = 0;
  for (let k = first + 1; k < row.length; k++) squares += row[k]! * row[k]!;
  if (squares === 0) return { factor: 0, length: alpha };
  const size = Math.sqrt(alpha * alpha + squares);
  const length = alpha > 0 ? -size : size;
  v[first] = 1;
  for (let k = first + 1; k < row.length; k++) v[k] = row[k]! / (alpha - length);
  return { factor: (length - alpha) / length, length };
}
