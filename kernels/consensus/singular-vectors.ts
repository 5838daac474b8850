/** Merging singular vectors: the leading ones of every operand, made orthogonal to each other (TSV, arXiv 2412.00081). */
import { TRANSPOSED } from '../abi-linear-algebra.js';
import { numberOf } from '../parameters.js';
import type { Slot } from '../slot.js';
import { F64_BYTES, numbersAt } from '../spectral/numbers.js';
import { SymmetricEigen } from '../spectral/symmetric-eigen.js';
import type { Combine, UnitContext } from '../unit.js';

/**
 * Singular values up to this share of the largest are none: they come from inner products, in which no less can be told
 * from rounding, and what they belong to is arbitrary.
 */
const SMALLEST_SHARE = 1e-6;

/**
 * λ · U′ Σ V′ᵀ of the operands' leading triplets, ⌊r/N⌋ of each, U′ and V′ being the nearest orthonormal systems to the
 * vectors side by side. The unit must be the whole tensor, and that a matrix.
 */
export function mergeSingularVectors(context: UnitContext): Combine {
  const { kernels, merge } = context;
  const work = new SingularVectors(context);
  const lambda = numberOf(merge.settings, 'lambda');
  return ({ operands }, destination) => {
    work.clear();
    for (const operand of operands) work.addLeading(operand);
    const merged = work.merge(lambda);
    new Float32Array(kernels.memory.buffer, destination, merged.length).set(merged);
  };
}

/**
 * A matrix is seen as `short` vectors of `long` elements: its rows, or its columns where they are fewer. A triplet then is
 * a unit combination of these vectors, and the unit vector that it leads to.
 */
class SingularVectors {
  readonly #context: UnitContext;
  readonly #rows: number;
  readonly #columns: number;
  /** Whether the vectors are rows. */
  readonly #isByRows: boolean;
  readonly #short: number;
  readonly #long: number;
  /** Triplets taken of each operand. */
  readonly #share: number;
  readonly #eigen: SymmetricEigen;
  /** `short` × `long` f64: the vectors of an operand, later the directions made orthonormal. */
  readonly #vectors: Slot;
  /** Triplets of all operands, one to a row: `short` elements of combinations, `long` of directions. */
  readonly #combinations: Slot;
  readonly #directions: Slot;
  readonly #values: number[] = [];
  #allFinite = true;

  constructor(context: UnitContext) {
    const { kernels, allocate, merge } = context;
    this.#context = context;
    [this.#rows, this.#columns] = merge.shape as [number, number];
    this.#isByRows = this.#rows <= this.#columns;
    this.#short = Math.min(this.#rows, this.#columns);
    this.#long = Math.max(this.#rows, this.#columns);
    this.#share = Math.floor(this.#short / merge.operands.length);
    this.#eigen = new SymmetricEigen(kernels, allocate, this.#short);
    this.#vectors = allocate(F64_BYTES * this.#short * this.#long);
    this.#directions = allocate(F64_BYTES * this.#short * this.#long);
    this.#combinations = allocate(F64_BYTES * this.#short ** 2);
  }

  clear(): void {
    this.#values.length = 0;
    this.#allFinite = true;
  }

  /** Adds the leading triplets of a matrix of f32. */
  addLeading(matrix: Slot): void {
    const { kernels } = this.#context;
    this.#widen(matrix);
    kernels.multiplyMatrices(
      ...([this.#vectors, this.#vectors, this.#short, this.#long, this.#short] as const),
      ...([TRANSPOSED.second, this.#eigen.matrix] as const),
    );
    const squares = this.#eigen.decompose(this.#short);
    if (squares.some(Number.isNaN)) this.#allFinite = false;
    const largest = squares.reduce((most, square) => Math.max(most, square), 0);
    const leading = [...squares.keys()]
      .filter((i) => squares[i]! > SMALLEST_SHARE ** 2 * largest)
      .sort((a, b) => squares[b]! - squares[a]! || a - b)
      .slice(0, this.#share);
    const first = this.#values.length;
    const combinations = this.#combinations + F64_BYTES * first * this.#short;
    const directions = this.#directions + F64_BYTES * first * this.#long;
    this.#eigen.vectors(leading, combinations);
    kernels.multiplyMatrices(
      ...([combinations, this.#vectors, leading.length, this.#short, this.#long] as const),
      ...([TRANSPOSED.neither, directions] as const),
    );
    leading.forEach((_, k) => {
      this.#values.push(normalize(this.#f64(directions + F64_BYTES * k * this.#long, this.#long)));
    });
  }

  /** λ · U′ Σ V′ᵀ of what was added, row-major, NaN if some of that was not finite; valid until the next operand. */
  merge(lambda: number): Float64Array {
    const merged = this.#f64(this.#directions, this.#rows * this.#columns);
    if (this.#allFinite) this.#multiply(lambda);
    else merged.fill(Number.NaN);
    return merged;
  }

  #multiply(lambda: number): void {
    const { kernels } = this.#context;
    const count = this.#values.length;
    const directions = this.#vectors;
    this.#makeOrthonormal(this.#directions, this.#long, directions);
    // The reflectors have served; there is room for the combinations.
    const combinations = this.#eigen.reflectors;
    this.#makeOrthonormal(this.#combinations, this.#short, combinations);
    this.#values.forEach((value, k) => {
      scale(this.#f64(combinations + F64_BYTES * k * this.#short, this.#short), lambda * value);
    });
    const [left, right] = this.#isByRows ? [combinations, directions] : [directions, combinations];
    kernels.multiplyMatrices(
      ...([left, right, this.#rows, count, this.#columns] as const),
      ...([TRANSPOSED.first, this.#directions] as const),
    );
  }

  /** Writes the orthonormal vectors nearest to the given rows: (W Wᵀ)^(−½) W, without what has no length. */
  #makeOrthonormal(vectors: Slot, length: number, destination: Slot): void {
    const { kernels } = this.#context;
    const count = this.#values.length;
    const { matrix, rows } = this.#eigen;
    kernels.multiplyMatrices(vectors, vectors, count, length, count, TRANSPOSED.second, matrix);
    const squares = this.#eigen.decompose(count);
    const largest = squares.reduce((most, square) => Math.max(most, square), 0);
    const present = [...squares.keys()].filter((i) => squares[i]! > SMALLEST_SHARE ** 2 * largest);
    this.#eigen.vectors(present, rows);
    present.forEach((index, k) => {
      scale(this.#f64(rows + F64_BYTES * k * count, count), squares[index]! ** -0.25);
    });
    kernels.multiplyMatrices(rows, rows, count, present.length, count, TRANSPOSED.first, matrix);
    kernels.multiplyMatrices(matrix, vectors, count, count, length, TRANSPOSED.neither, destination);
  }

  #widen(matrix: Slot): void {
    const values = new Float32Array(this.#context.kernels.memory.buffer, matrix, this.#rows * this.#columns);
    const to = this.#f64(this.#vectors, values.length);
    if (this.#isByRows) {
      to.set(values);
      return;
    }
    for (let row = 0, i = 0; row < this.#rows; row++) {
      for (let at = row; i < (row + 1) * this.#columns; i++, at += this.#rows) to[at] = values[i]!;
    }
  }

  #f64(slot: Slot, length: number): Float64Array {
    return numbersAt(this.#context.kernels, slot, length);
  }
}

/** Makes a vector one of unit length; returns the length that it had. */
function normalize(vector: Float64Array): number {
  let squares = 0;
  for (const x of vector) squares += x * x;
  const length = Math.sqrt(squares);
  if (length > 0) scale(vector, 1 / length);
  return length;
}

function scale(vector: Float64Array, factor: number): void {
  for (let i = 0; i < vector.length; i++) vector[i]! *= factor;
}
