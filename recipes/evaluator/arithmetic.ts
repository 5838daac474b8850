/**
 * What a transformer is made of, over f32 arrays. Sums are f64, so that their order does not matter at f32 precision;
 * weights come as f64, since converting them anew for each product takes longer than the product.
 */

/** The input of the product at hand, converted once for all rows. */
let wide = new Float64Array(0);

/** output = weight · input: `weight` is [rows, columns], row-major; `input` has `columns` values, `output` `rows`. */
export function project(weight: Float64Array, input: Float32Array, output: Float32Array): void {
  const columns = input.length;
  if (wide.length < columns) wide = new Float64Array(columns);
  const values = wide;
  values.set(input);
  let at = 0;
  for (let row = 0; row < output.length; row++) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    // Four sums at a time: one alone would wait for itself at every step.
    for (let i = 0; i < columns; i += 4, at += 4) {
      a += weight[at]! * values[i]!;
      b += weight[at + 1]! * values[i + 1]!;
      c += weight[at + 2]! * values[i + 2]!;
      d += weight[at + 3]! * values[i + 3]!;
    }
    output[row] = a + b + (c + d);
  }
}

/** output = input / rms(input) · scale, over consecutive groups as long as `scale`. `output` may be `input`. */
export function normalize(input: Float32Array, scale: Float64Array, epsilon: number, output: Float32Array): void {
  const size = scale.length;
  for (let begin = 0; begin < input.length; begin += size) {
    let squares = 0;
    for (let i = 0; i < size; i++) squares += input[begin + i]! ** 2;
    const factor = 1 / Math.sqrt(squares / size + epsilon);
    for (let i = 0; i < size; i++) output[begin + i] = input[begin + i]! * factor * scale[i]!;
  }
}

/** Rotates each head's halves by the position (rotary embedding); `frequencies` has half as many values as a head. */
export function rotate(heads: Float32Array, frequencies: Float32Array, position: number): void {
  const half = frequencies.length;
  for (let begin = 0; begin < heads.length; begin += 2 * half) {
    for (let i = 0; i < half; i++) {
      const [sine, cosine] = [Math.sin(position * frequencies[i]!), Math.cos(position * frequencies[i]!)];
      const [x, y] = [heads[begin + i]!, heads[begin + half + i]!];
      heads[begin + i] = x * cosine - y * sine;
      heads[begin + half + i] = y * cosine + x * sine;
    }
  }
}

/** Replaces scores by their softmax. */
export function softmax(scores: Float32Array): void {
  const largest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let i = 0; i < scores.length; i++) {
    scores[i] = Math.exp(scores[i]! - largest);
    sum += scores[i]!;
  }
  for (let i = 0; i < scores.length; i++) scores[i]! /= sum;
}

/** gate = silu(gate) · up. */
export function gateSilu(gate: Float32Array, up: Float32Array): void {
  for (let i = 0; i < gate.length; i++) gate[i] = (gate[i]! / (1 + Math.exp(-gate[i]!))) * up[i]!;
}

/** x += y. */
export function addTo(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!;
}
