/** Vectors of f64 that are made orthonormal one after the other (Gram–Schmidt); see kernels/reference/orthonormal.ts. */
import { innerProduct, subtractScaled } from './linear-algebra';

/** Vectors shorter than this share of what they were are what rounding left of a dependent one. */
const DEPENDENT: f64 = 1e-12;
/** √½: what is left of a vector by less than this share lost digits, and is made orthogonal once more. */
const SHRUNK: f64 = 0.7071067811865476;

/** See kernels/abi-linear-algebra.ts. */
export function orthonormalize(vectors: usize, count: i32, length: i32): void {
  const bytes = <usize>length << 3;
  let vector = vectors;
  for (let index: i32 = 0; index < count; index++, vector += bytes) {
    const before = sqrt(innerProduct(vector, vector, bytes));
    const once = lengthBeside(vectors, vector, bytes);
    const norm = once < SHRUNK * before ? lengthBeside(vectors, vector, bytes) : once;
    multiply(vector, norm > DEPENDENT * before ? 1 / norm : 0, bytes);
  }
}

/** Makes a vector orthogonal to those before it; returns its length. */
function lengthBeside(vectors: usize, vector: usize, bytes: usize): f64 {
  for (let other = vectors; other != vector; other += bytes) {
    subtractScaled(vector, other, innerProduct(other, vector, bytes), bytes);
  }
  return sqrt(innerProduct(vector, vector, bytes));
}

function multiply(vector: usize, factor: f64, bytes: usize): void {
  for (const end = vector + bytes; vector != end; vector += 8) store<f64>(vector, load<f64>(vector) * factor);
}
