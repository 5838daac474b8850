/** Columns of a matrix, and matrices of f64 that are multiplied and decomposed, for bench/kernels.mjs. */

/** Elements of a row of what is merged by columns. */
const COLUMNS = 1024;
/** Rows and columns of the matrices of f64: as many elements as a tile has, of 128 by 128. */
const SIZE = 128;
/** Rotations of one call: one sweep over all rows. */
const ROTATIONS = SIZE - 1;
const ROTATION_BYTES = 24;
/** Columns of a narrow factor, as spectra have them. */
const WIDTH = 64;

/** Slots of the inputs, taken by `slot`. */
export function matrixInputs(slot) {
  return {
    a: slot(8 * SIZE * SIZE),
    b: slot(8 * SIZE * SIZE),
    vectors: slot(8 * 3 * Math.max(SIZE, COLUMNS)),
    rotations: slot(ROTATION_BYTES * ROTATIONS),
  };
}

/** Fills the slots with numbers of `draw`, in [0, 1). */
export function fillMatrices(buffer, { a, b, vectors, rotations }, draw) {
  for (const [slot, length] of [
    [a, SIZE * SIZE],
    [b, SIZE * SIZE],
    [vectors, 3 * Math.max(SIZE, COLUMNS)],
  ]) {
    new Float64Array(buffer, slot, length).forEach((_, i, values) => {
      values[i] = (draw() - 0.5) / 16;
    });
  }
  const entries = new DataView(buffer, rotations);
  for (let i = 0; i < ROTATIONS; i++) {
    const angle = draw();
    entries.setUint32(ROTATION_BYTES * i, ROTATIONS - 1 - i, true);
    entries.setFloat64(ROTATION_BYTES * i + 8, Math.cos(angle), true);
    entries.setFloat64(ROTATION_BYTES * i + 16, Math.sin(angle), true);
  }
}

/** The cases by name, as bench/kernels.mjs has them; `elements` are products or turned elements where they are not the tile's. */
export function matrixCases(count) {
  const over = (run) => ({ run: (k, at) => run(k, at.matrices, at) });
  return {
    addColumnProducts: {
      run: (k, { operands: [x, y], bins }) => k.addColumnProducts(x, y, count, 0, COLUMNS, bins),
    },
    combineColumns: over((k, { vectors }, { operands: [x, y], out }) =>
      k.combineColumns(x, y, count, 0, COLUMNS, vectors, out),
    ),
    [`multiplyMatrices of ${SIZE}, products`]: {
      ...over((k, { a, b }, { bins }) => k.multiplyMatrices(a, b, SIZE, SIZE, SIZE, 0, bins)),
      elements: SIZE ** 3,
    },
    [`multiplyRows by ${WIDTH}, products`]: {
      run: (k, { operands: [x], matrices: { b }, bins }) => k.multiplyRows(x, SIZE, 2 * SIZE, b, WIDTH, bins),
      elements: 2 * SIZE ** 2 * WIDTH,
    },
    [`addInnerProducts of ${WIDTH}, products`]: {
      ...over((k, { a, b }, { bins }) => k.addInnerProducts(a, b, 2 * SIZE, WIDTH, bins)),
      elements: 2 * SIZE * WIDTH ** 2,
    },
    [`orthonormalize ${WIDTH}, products`]: {
      ...over((k, { b }, { bins }) => {
        new Uint8Array(k.memory.buffer).copyWithin(bins, b, b + 8 * SIZE * SIZE);
        k.orthonormalize(bins, WIDTH, 2 * SIZE);
      }),
      // A product and a subtraction for each pair, at least.
      elements: 2 * SIZE * WIDTH ** 2,
    },
    [`rotateRows of ${SIZE}`]: {
      ...over((k, { rotations }, { bins }) => {
        // The last row goes into all others.
        new Float64Array(k.memory.buffer, bins + 8 * SIZE * ROTATIONS, SIZE).fill(1);
        k.rotateRows(bins, SIZE, rotations, ROTATIONS);
      }),
      elements: 2 * SIZE * ROTATIONS,
    },
  };
}
