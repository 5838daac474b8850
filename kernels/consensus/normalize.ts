/** Division by the sum of the weights, as mergekit does it. */

/** Sums of weights nearer to zero than this are not divided by (mergekit's constant). */
const SMALLEST_DIVISOR = 1e-8;

/** What to divide a weighted sum by: the sum of the weights, or 1 when that is (nearly) zero. */
export function weightDivisor(weights: readonly number[]): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Math.abs(sum) < SMALLEST_DIVISOR ? 1 : sum;
}
