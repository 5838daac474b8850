/** The largest eigenvalue of a symmetric tridiagonal matrix and its vector, in f64. */

/** A matrix by its diagonal and what stands beside it: one number less, none of them 0. */
export interface Tridiagonal {
  readonly diagonal: readonly number[];
  readonly beside: readonly number[];
}

export interface Eigenpair {
  readonly value: number;
  /** A unit vector. */
  readonly vector: Float64Array;
}

/** Undefined when no eigenvalue is above 0, or a number is not finite. */
export function largestEigenpair(matrix: Tridiagonal): Eigenpair | undefined {
  const value = largestEigenvalue(matrix);
  return value > 0 && value < Infinity ? { value, vector: eigenvector(matrix, value) } : undefined;
}

/** Halves an interval as long as there are numbers between its ends; the upper end is never below the eigenvalue. */
function largestEigenvalue(matrix: Tridiagonal): number {
  const { diagonal, beside } = matrix;
  let low = Math.max(...diagonal);
  let high = Math.max(...diagonal.map((value, i) => value + (beside[i - 1] ?? 0) + (beside[i] ?? 0)));
  // Rounding must not put the end below.
  high += 4 * Number.EPSILON * Math.abs(high);
  for (;;) {
    const middle = low + (high - low) / 2;
    if (!(low < middle && middle < high)) return high;
    if (isAbove(matrix, middle)) high = middle;
    else low = middle;
  }
}

/** Whether a number is above all eigenvalues: all pivots of the matrix minus it are negative. */
function isAbove({ diagonal, beside }: Tridiagonal, number: number): boolean {
  let pivot = diagonal[0]! - number;
  for (let i = 1; i < diagonal.length; i++) {
    if (!(pivot < 0)) return false;
    pivot = diagonal[i]! - number - (beside[i - 1]! * beside[i - 1]!) / pivot;
  }
  return pivot < 0;
}

/**
 * From a twisted factorization (Parlett and Dhillon 1997): eliminated from both ends, the matrix minus its eigenvalue has
 * nothing left where they meet, and the vector follows from there without losing its small components.
 */
function eigenvector({ diagonal, beside }: Tridiagonal, value: number): Float64Array {
  const size = diagonal.length;
  const shifted = diagonal.map((number) => number - value);
  const fromTop = pivots(shifted, beside, value);
  const fromBottom = pivots(shifted.toReversed(), beside.toReversed(), value).toReversed();
  const left = shifted.map((number, i) => Math.abs(fromTop[i]! + fromBottom[i]! - number));
  const meeting = left.indexOf(Math.min(...left));
  const vector = new Float64Array(size).fill(1, meeting, meeting + 1);
  for (let i = meeting - 1; i >= 0; i--) vector[i] = (-beside[i]! * vector[i + 1]!) / fromTop[i]!;
  for (let i = meeting + 1; i < size; i++) vector[i] = (-beside[i - 1]! * vector[i - 1]!) / fromBottom[i]!;
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return vector.map((x) => x / length);
}

/** Pivots of an elimination, all of them negative but for rounding. */
function pivots(shifted: readonly number[], beside: readonly number[], value: number): number[] {
  const smallest = -Number.EPSILON * value;
  const found: number[] = [];
  shifted.forEach((number, i) => {
    const pivot = i === 0 ? number : number - beside[i - 1]! ** 2 / found[i - 1]!;
    found.push(pivot < 0 ? pivot : smallest);
  });
  return found;
}
