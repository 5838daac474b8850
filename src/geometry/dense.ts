/** Small dense linear algebra in float64: what is left of a large matrix once it is projected. Row-major arrays. */

/** Rotations of a symmetric matrix of this size converge in a handful of sweeps; more would be a defect. */
const MOST_SWEEPS = 60;

/** Writes the columns of `part`, which has `partWidth`, into `whole`, which has `width` and as many rows, from `first` on. */
export function placeColumns(
  whole: Float64Array,
  width: number,
  part: Float64Array,
  partWidth: number,
  first: number,
): void {
  for (let from = 0, to = first; from < part.length; from += partWidth, to += width) {
    whole.set(part.subarray(from, from + partWidth), to);
  }
}

export interface Eigen {
  /** Descending. */
  readonly values: Float64Array;
  /** Column c belongs to value c. */
  readonly vectors: Float64Array;
}

/** Eigenvalues and vectors of a symmetric matrix of `size`², by cyclic Jacobi rotations. */
export function symmetricEigen(matrix: Float64Array, size: number): Eigen {
  const a = matrix.slice();
  const v = new Float64Array(size * size);
  for (let i = 0; i < size; i++) v[i * size + i] = 1;
  for (let sweep = 0; sweep < MOST_SWEEPS && offDiagonal(a, size) > 0; sweep++) {
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, v, size, p, q);
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => a[j * size + j]! - a[i * size + i]!);
  return {
    values: Float64Array.from(order, (i) => a[i * size + i]!),
    vectors: Float64Array.from(
      { length: size * size },
      (_, at) => v[Math.floor(at / size) * size + order[at % size]!]!,
    ),
  };
}

/** Σ of what is not on the diagonal and not below the rounding of it. */
function offDiagonal(a: Float64Array, size: number): number {
  let sum = 0;
  for (let p = 0; p < size; p++) {
    for (let q = p + 1; q < size; q++) {
      const scale = Math.sqrt(Math.abs(a[p * size + p]! * a[q * size + q]!));
      const size2 = Math.abs(a[p * size + q]!);
      if (size2 > Number.EPSILON * scale) sum += size2;
    }
  }
  return sum;
}

function rotate(a: Float64Array, v: Float64Array, size: number, p: number, q: number): void {
  const off = a[p * size + q]!;
  if (off === 0) return;
  const theta = (a[q * size + q]! - a[p * size + p]!) / (2 * off);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < size; k++) turn(a, k * size + p, k * size + q, c, s);
  for (let k = 0; k < size; k++) turn(a, p * size + k, q * size + k, c, s);
  for (let k = 0; k < size; k++) turn(v, k * size + p, k * size + q, c, s);
  a[p * size + q] = 0;
  a[q * size + p] = 0;
}

function turn(a: Float64Array, i: number, j: number, c: number, s: number): void {
  const [x, y] = [a[i]!, a[j]!];
  a[i] = c * x - s * y;
  a[j] = s * x + c * y;
}

/** Aᵀ·B of two row-major matrices with equally many rows: `width` columns of A by `other` of B. */
export function transposedProduct(a: Float64Array, width: number, b: Float64Array, other: number): Float64Array {
  const product = new Float64Array(width * other);
  for (let row = 0; row * width < a.length; row++) {
    for (let i = 0; i < width; i++) {
      const x = a[row * width + i]!;
      for (let j = 0; j < other; j++) product[i * other + j]! += x * b[row * other + j]!;
    }
  }
  return product;
}

/** A·B of row-major matrices: A has `inner` columns, B `columns`. `result` holds zeros and becomes it. */
export function product(
  a: Float64Array,
  inner: number,
  b: Float64Array,
  columns: number,
  result: Float64Array = new Float64Array((a.length / inner) * columns),
): Float64Array {
  const rows = a.length / inner;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < inner; i++) {
      const x = a[row * inner + i]!;
      for (let j = 0; j < columns; j++) result[row * columns + j]! += x * b[i * columns + j]!;
    }
  }
  return result;
}

/** The largest principal angle (radians) of two subspaces whose orthonormal bases have these inner products (k²). */
export function largestAngle(inner: Float64Array, k: number): number {
  const { values } = symmetricEigen(transposedProduct(inner, k, inner, k), k);
  return Math.acos(Math.min(1, Math.sqrt(Math.max(0, values[k - 1]!))));
}
