/** Vectors of f64 outside of kernel memory. */

/** Four sums at a time: one alone would wait for itself at every step. */
export function dot(x: Float64Array, y: Float64Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = x.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    a += x[i]! * y[i]!;
    b += x[i + 1]! * y[i + 1]!;
    c += x[i + 2]! * y[i + 2]!;
    d += x[i + 3]! * y[i + 3]!;
  }
  for (let i = whole; i < x.length; i++) a += x[i]! * y[i]!;
  return a + b + (c + d);
}

/** from −= share · vector, in place. */
export function takeAway(from: Float64Array, share: number, vector: Float64Array): void {
  for (let i = 0; i < from.length; i++) from[i]! -= share * vector[i]!;
}
