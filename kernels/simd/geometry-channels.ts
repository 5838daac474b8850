/** Energies of the rows and columns of a matrix, of which a range of elements is at hand. */

/** See kernels/abi.ts. */
export function addRowSquares(
  source: usize, count: i32, column: i32, columns: i32, lanes: usize, rows: usize,
): void {
  for (; count > 0; column = 0) {
    const taken = min(count, columns - column);
    addSquares(source, taken, column, lanes);
    count -= taken;
    source += <usize>taken << 2;
    if (column + taken < columns) return;
    store<f64>(rows, load<f64>(rows) + <f64>foldLanes(lanes));
    v128.store(lanes, f32x4.splat(0));
    v128.store(lanes, f32x4.splat(0), 16);
    rows += 8;
  }
}

function addSquares(source: usize, count: i32, column: i32, lanes: usize): void {
  for (; count > 0 && column & 7; count--, column++, source += 4) addSquare(source, lanes + (<usize>(column & 7) << 2));
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  for (; count >= 8; count -= 8, source += 32) {
    const low = v128.load(source);
    const high = v128.load(source, 16);
    a = f32x4.add(a, f32x4.mul(low, low));
    b = f32x4.add(b, f32x4.mul(high, high));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  for (let lane = lanes; count > 0; count--, source += 4, lane += 4) addSquare(source, lane);
}

function addSquare(source: usize, to: usize): void {
  const x = load<f32>(source);
  store<f32>(to, load<f32>(to) + x * x);
}

function foldLanes(lanes: usize): f32 {
  const sums = f32x4.add(v128.load(lanes), v128.load(lanes, 16));
  const even = f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 2);
  return even + (f32x4.extract_lane(sums, 1) + f32x4.extract_lane(sums, 3));
}

/** See kernels/abi.ts. */
export function addColumnSquares(source: usize, count: i32, column: i32, columns: i32, sums: usize): void {
  for (; count > 0; column = 0) {
    const taken = min(count, columns - column);
    let to = sums + (<usize>column << 2);
    let rest = taken;
    for (; rest >= 4; rest -= 4, source += 16, to += 16) {
      const x = v128.load(source);
      v128.store(to, f32x4.add(v128.load(to), f32x4.mul(x, x)));
    }
    for (; rest > 0; rest--, source += 4, to += 4) addSquare(source, to);
    count -= taken;
  }
}
