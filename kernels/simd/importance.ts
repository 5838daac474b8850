/** How much a change matters: its size times a factor of its row (Arcee Fusion). */

/** See kernels/abi-selection.ts. */
export function importances(
  source: usize, factors: usize, rowElements: i32, rows: i32, above: usize, below: usize,
): void {
  const zero = f32x4.splat(0);
  const rowBytes = <usize>rowElements << 2;
  let at: usize = 0;
  for (let row: usize = 0; row < <usize>rows; row++) {
    const factor = load<f32>(factors + (row << 2));
    const four = f32x4.splat(factor);
    const end = at + rowBytes;
    for (; at + 16 <= end; at += 16) {
      const sizes = f32x4.mul(f32x4.abs(v128.load(source + at)), four);
      v128.store(above + at, f32x4.max(sizes, zero));
      v128.store(below + at, f32x4.max(f32x4.neg(sizes), zero));
    }
    for (; at < end; at += 4) {
      const size = abs<f32>(load<f32>(source + at)) * factor;
      store<f32>(above + at, max<f32>(size, 0));
      store<f32>(below + at, max<f32>(-size, 0));
    }
  }
}

/** See kernels/abi-selection.ts. */
export function keepImportant(
  source: usize, factors: usize, rowElements: i32, rows: i32, limit: f32, destination: usize,
): void {
  const least = f32x4.splat(limit);
  const rowBytes = <usize>rowElements << 2;
  let at: usize = 0;
  for (let row: usize = 0; row < <usize>rows; row++) {
    const factor = load<f32>(factors + (row << 2));
    const four = f32x4.splat(factor);
    const end = at + rowBytes;
    for (; at + 16 <= end; at += 16) {
      const change = v128.load(source + at);
      const matters = f32x4.ge(f32x4.mul(f32x4.abs(change), four), least);
      v128.store(destination + at, v128.and(change, matters));
    }
    for (; at < end; at += 4) {
      const change = load<u32>(source + at);
      const size = abs<f32>(load<f32>(source + at)) * factor;
      store<u32>(destination + at, size >= limit ? change : 0);
    }
  }
}
