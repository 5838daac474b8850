/** Products of a matrix's rows with a vector, in f64. */

/** τ · v for each row; rows are as long as `direction`. */
export function alongDirection(values: Float32Array, direction: Float64Array): Float64Array {
  const columns = direction.length;
  const lengths = new Float64Array(values.length / columns);
  for (let row = 0; row < lengths.length; row++) lengths[row] = rowProduct(values, row * columns, direction);
  return lengths;
}

/** Four sums at a time: one alone would wait for itself at every step. */
function rowProduct(values: Float32Array, begin: number, direction: Float64Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const whole = direction.length & ~3;
  let at = begin;
  for (let j = 0; j < whole; j += 4, at += 4) {
    a += values[at]! * direction[j]!;
    b += values[at + 1]! * direction[j + 1]!;
    c += values[at + 2]! * direction[j + 2]!;
    d += values[at + 3]! * direction[j + 3]!;
  }
  for (let j = whole; j < direction.length; j++, at++) a += values[at]! * direction[j]!;
  return a + b + (c + d);
}
