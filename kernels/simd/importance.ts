/** How much a change matters: its size times a factor of its row (Arcee Fusion). */

/** What becomes of a change, as types, so that each kind of loop comes without a branch. */
type Above = i8;
type Below = i16;
type Important = i32;

/** See kernels/abi-selection.ts. */
export function importances(
  source: usize, factors: usize, rowElements: i32, rows: i32, above: usize, below: usize,
): void {
  mapRows<Above>(source, factors, rowElements, rows, 0, above);
  mapRows<Below>(source, factors, rowElements, rows, 0, below);
}

/** See kernels/abi-selection.ts. */
export function keepImportant(
  source: usize, factors: usize, rowElements: i32, rows: i32, limit: f32, destination: usize,
): void {
  mapRows<Important>(source, factors, rowElements, rows, limit, destination);
}

function mapRows<B>(
  source: usize, factors: usize, rowElements: i32, rows: i32, limit: f32, destination: usize,
): void {
  const rowBytes = <usize>rowElements << 2;
  let at: usize = 0;
  for (let row: usize = 0; row < <usize>rows; row++) {
    const factor = v128.load32_splat(factors + (row << 2));
    const end = at + rowBytes;
    for (; at + 16 <= end; at += 16) {
      v128.store(destination + at, become<B>(v128.load(source + at), factor, limit));
    }
    for (; at < end; at += 4) {
      v128.store32_lane(destination + at, become<B>(v128.load32_zero(source + at), factor, limit), 0);
    }
  }
}

function become<B>(changes: v128, factor: v128, limit: f32): v128 {
  const sizes = f32x4.mul(f32x4.abs(changes), factor);
  if (sizeof<B>() == sizeof<Above>()) return f32x4.max(sizes, f32x4.splat(0));
  if (sizeof<B>() == sizeof<Below>()) return f32x4.max(f32x4.neg(sizes), f32x4.splat(0));
  return v128.and(changes, f32x4.ge(sizes, f32x4.splat(limit)));
}
