/** An oracle for spectral methods: singular value decomposition by one-sided Jacobi rotations (Hestenes 1958), in f64. */

/** Singular triplets, largest first; those of (nearly) no length are left out, as their vectors mean nothing. */
export interface Triplet {
  readonly value: number;
  /** Unit vector of the length of a column. */
  readonly left: Float64Array;
  /** Unit vector of the length of a row. */
  readonly right: Float64Array;
}

/** Two vectors whose cosine is below this count as orthogonal. */
const ORTHOGONAL = 1e-14;
/** Singular values below this share of the largest are none. */
const SMALLEST_SHARE = 1e-10;
/** Rounds over all pairs at most; about ten are needed, and the vectors are good long before. */
const MOST_SWEEPS = 40;

/** Decomposes a row-major matrix. Takes O(min(rows, columns)²·max(rows, columns)) for each of about ten sweeps. */
export function thinSvd(matrix: ArrayLike<number>, rows: number, columns: number): Triplet[] {
  const isWide = columns > rows;
  const [short, long] = isWide ? [rows, columns] : [columns, rows];
  const vectors = Array.from({ length: short }, (_, k) =>
    Float64Array.from({ length: long }, (_unused, i) => matrix[isWide ? k * columns + i : i * columns + k]!),
  );
  return orthogonalize(vectors).map(({ value, direction, combination }) =>
    isWide ? { value, left: combination, right: direction } : { value, left: direction, right: combination },
  );
}

interface Principal {
  readonly value: number;
  /** Unit vector in the space of the vectors. */
  readonly direction: Float64Array;
  /** Unit vector of coefficients: Σ cₖ vₖ = value · direction. */
  readonly combination: Float64Array;
}

/** Rotates vectors among each other until they are orthogonal; overwrites them. */
function orthogonalize(vectors: readonly Float64Array[]): Principal[] {
  const unit = scaleToUnit(vectors);
  const combinations = vectors.map((_, k) => new Float64Array(vectors.length).fill(1, k, k + 1));
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let isOrthogonal = true;
    for (let p = 0; p < vectors.length; p++) {
      for (let q = p + 1; q < vectors.length; q++) {
        if (rotatePair(vectors, combinations, p, q)) isOrthogonal = false;
      }
    }
    if (isOrthogonal) break;
  }
  const lengths = vectors.map((vector) => Math.sqrt(dot(vector, vector)));
  const smallest = SMALLEST_SHARE * lengths.reduce((most, length) => Math.max(most, length), 0);
  return lengths
    .map((value, k) => ({ value, k }))
    .filter(({ value }) => value > smallest)
    .sort((a, b) => b.value - a.value || a.k - b.k)
    .map(({ value, k }) => ({
      value: value * unit,
      direction: vectors[k]!.map((x) => x / value),
      combination: combinations[k]!,
    }));
}

/** Divides by the power of two at the largest number, so that no square of a vector that counts underflows; returns it. */
function scaleToUnit(vectors: readonly Float64Array[]): number {
  let largest = 0;
  for (const vector of vectors) for (const x of vector) largest = Math.max(largest, Math.abs(x));
  if (largest === 0 || !Number.isFinite(largest)) return 1;
  const unit = 2 ** Math.floor(Math.log2(largest));
  for (const vector of vectors) for (let i = 0; i < vector.length; i++) vector[i]! /= unit;
  return unit;
}

/** Makes two vectors orthogonal; says whether they were not. */
function rotatePair(
  vectors: readonly Float64Array[],
  combinations: readonly Float64Array[],
  p: number,
  q: number,
): boolean {
  const [a, b] = [vectors[p]!, vectors[q]!];
  const [aa, ab, bb] = [dot(a, a), dot(a, b), dot(b, b)];
  if (Math.abs(ab) <= ORTHOGONAL * Math.sqrt(aa * bb)) return false;
  const zeta = (bb - aa) / (2 * ab);
  const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const cosine = 1 / Math.sqrt(1 + tangent * tangent);
  rotate(a, b, cosine, cosine * tangent);
  rotate(combinations[p]!, combinations[q]!, cosine, cosine * tangent);
  return true;
}

function rotate(a: Float64Array, b: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    a[i] = cosine * x - sine * y;
    b[i] = sine * x + cosine * y;
  }
}

/** The inner product of two vectors of the same length. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
