/**
 * A low-rank product added to a piece of a row-major matrix:
 *
 *   for each panel of 8 columns
 *     pack the panel of `right`: its rows lie far apart, often in the same lines of a cache
 *     for each group of 4 rows: 8 accumulators in registers run over the rank
 *
 * Every element is summed over the rank in order, whichever path it takes.
 */

/** Columns of a panel. */
const PANEL: i32 = 8;
/** One panel of the largest rank: 8 f32 for each of LARGEST_RANK (kernels/abi.ts). */
const packed = memory.data(65536, 16);

/** See kernels/abi.ts. */
export function addLowRank(
  values: usize, count: i32, firstColumn: i32, columns: i32, left: usize, right: usize, rank: i32, scale: f32,
): void {
  if (count <= 0) return;
  const end = firstColumn + count;
  const rows = (end + columns - 1) / columns;
  const lastEnd = end - (rows - 1) * columns;
  // Where row 0 would begin; elements before `values` are not touched.
  const origin = values - (<usize>firstColumn << 2);
  for (let column = 0; column + PANEL <= columns; column += PANEL) {
    const first = firstColumn <= column ? 0 : 1;
    const last = lastEnd >= column + PANEL ? rows : rows - 1;
    if (first >= last) continue;
    pack(right + (<usize>column << 2), columns, rank);
    addPanel(origin + (<usize>column << 2), first, last, columns, left, rank, scale);
  }
  for (let row = 0; row < rows; row++) {
    const rowBegin = row == 0 ? firstColumn : 0;
    const rowEnd = row == rows - 1 ? lastEnd : columns;
    const panelsBegin = min((rowBegin + PANEL - 1) & ~(PANEL - 1), rowEnd);
    const panelsEnd = max(panelsBegin, rowEnd & ~(PANEL - 1));
    const to = origin + ((<usize>row * <usize>columns) << 2);
    const leftRow = left + ((<usize>row * <usize>rank) << 2);
    addElements(to, rowBegin, panelsBegin, columns, leftRow, right, rank, scale);
    addElements(to, panelsEnd, rowEnd, columns, leftRow, right, rank, scale);
  }
}

function pack(right: usize, columns: i32, rank: i32): void {
  let to = packed;
  for (let k = 0; k < rank; k++, to += 32, right += <usize>columns << 2) {
    v128.store(to, v128.load(right));
    v128.store(to, v128.load(right, 16), 16);
  }
}

/** Rows [first, last) of the packed panel. */
function addPanel(
  to: usize, first: i32, last: i32, columns: i32, left: usize, rank: i32, scale: f32,
): void {
  const stride = <usize>columns << 2;
  const leftStride = <usize>rank << 2;
  to += <usize>first * stride;
  left += <usize>first * leftStride;
  let rest = last - first;
  for (; rest >= 4; rest -= 4, to += 4 * stride, left += 4 * leftStride) {
    addFourRows(to, stride, left, leftStride, rank, scale);
  }
  for (; rest > 0; rest--, to += stride, left += leftStride) addRow(to, left, rank, scale);
}

function addFourRows(to: usize, stride: usize, left: usize, leftStride: usize, rank: i32, scale: f32): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let e = a;
  let f = a;
  let g = a;
  let h = a;
  const left1 = left + leftStride;
  const left2 = left1 + leftStride;
  const left3 = left2 + leftStride;
  const end = <usize>rank << 2;
  let from = packed;
  for (let k: usize = 0; k != end; k += 4, from += 32) {
    const x = v128.load(from);
    const y = v128.load(from, 16);
    const p = v128.load32_splat(left + k);
    a = f32x4.add(a, f32x4.mul(p, x));
    b = f32x4.add(b, f32x4.mul(p, y));
    const q = v128.load32_splat(left1 + k);
    c = f32x4.add(c, f32x4.mul(q, x));
    d = f32x4.add(d, f32x4.mul(q, y));
    const r = v128.load32_splat(left2 + k);
    e = f32x4.add(e, f32x4.mul(r, x));
    f = f32x4.add(f, f32x4.mul(r, y));
    const s = v128.load32_splat(left3 + k);
    g = f32x4.add(g, f32x4.mul(s, x));
    h = f32x4.add(h, f32x4.mul(s, y));
  }
  const scales = f32x4.splat(scale);
  addTo(to, a, b, scales);
  addTo(to + stride, c, d, scales);
  addTo(to + 2 * stride, e, f, scales);
  addTo(to + 3 * stride, g, h, scales);
}

function addRow(to: usize, left: usize, rank: i32, scale: f32): void {
  let a = f32x4.splat(0);
  let b = a;
  const end = left + (<usize>rank << 2);
  for (let from = packed; left != end; left += 4, from += 32) {
    const p = v128.load32_splat(left);
    a = f32x4.add(a, f32x4.mul(p, v128.load(from)));
    b = f32x4.add(b, f32x4.mul(p, v128.load(from, 16)));
  }
  addTo(to, a, b, f32x4.splat(scale));
}

function addTo(to: usize, a: v128, b: v128, scales: v128): void {
  v128.store(to, f32x4.add(v128.load(to), f32x4.mul(scales, a)));
  v128.store(to, f32x4.add(v128.load(to, 16), f32x4.mul(scales, b)), 16);
}

/** Columns [begin, end) of one row, one by one. `to` is where the row begins. */
function addElements(
  to: usize, begin: i32, end: i32, columns: i32, left: usize, right: usize, rank: i32, scale: f32,
): void {
  for (let column = begin; column < end; column++) {
    let sum: f32 = 0;
    let from = right + (<usize>column << 2);
    for (let k = 0; k < rank; k++, from += <usize>columns << 2) {
      sum += load<f32>(left + (<usize>k << 2)) * load<f32>(from);
    }
    const at = to + (<usize>column << 2);
    store<f32>(at, load<f32>(at) + scale * sum);
  }
}
