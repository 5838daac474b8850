/** Element-wise f32. `destination` may be a source: each step loads all it needs before it stores. */

/** destination = a − b. */
export function subtract(destination: usize, a: usize, b: usize, count: i32): void {
  let rest = count;
  for (; rest >= 16; rest -= 16, destination += 64, a += 64, b += 64) {
    v128.store(destination, f32x4.sub(v128.load(a), v128.load(b)));
    v128.store(destination, f32x4.sub(v128.load(a, 16), v128.load(b, 16)), 16);
    v128.store(destination, f32x4.sub(v128.load(a, 32), v128.load(b, 32)), 32);
    v128.store(destination, f32x4.sub(v128.load(a, 48), v128.load(b, 48)), 48);
  }
  for (; rest > 0; rest--, destination += 4, a += 4, b += 4) store<f32>(destination, load<f32>(a) - load<f32>(b));
}

/** destination = a + b. */
export function add(destination: usize, a: usize, b: usize, count: i32): void {
  let rest = count;
  for (; rest >= 16; rest -= 16, destination += 64, a += 64, b += 64) {
    v128.store(destination, f32x4.add(v128.load(a), v128.load(b)));
    v128.store(destination, f32x4.add(v128.load(a, 16), v128.load(b, 16)), 16);
    v128.store(destination, f32x4.add(v128.load(a, 32), v128.load(b, 32)), 32);
    v128.store(destination, f32x4.add(v128.load(a, 48), v128.load(b, 48)), 48);
  }
  for (; rest > 0; rest--, destination += 4, a += 4, b += 4) store<f32>(destination, load<f32>(a) + load<f32>(b));
}
