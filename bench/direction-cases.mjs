/** Products of rows with few directions, for bench/kernels.mjs. */

/** Elements of a row. */
const COLUMNS = 1024;
const DIRECTIONS = 4;

/** Slots of the inputs, taken by `slot`. */
export function directionInputs(slot, count) {
  const rows = count / COLUMNS;
  return { rows, vectors: slot(8 * DIRECTIONS * COLUMNS), shares: slot(8 * DIRECTIONS * rows) };
}

/** Fills the slots with numbers of `draw`, in [0, 1). */
export function fillDirections(buffer, { rows, vectors, shares }, draw) {
  for (const [slot, length] of [
    [vectors, DIRECTIONS * COLUMNS],
    [shares, DIRECTIONS * rows],
  ]) {
    new Float64Array(buffer, slot, length).forEach((_, i, values) => {
      values[i] = (draw() - 0.5) / 16;
    });
  }
}

/** The cases by name, as bench/kernels.mjs has them. */
export function directionCases(count) {
  const over = (run) => ({
    run: (k, { operands: [source], directions, bins, out }) => run(k, { source, ...directions, bins, out }),
  });
  return {
    [`multiplyGram, rows of ${COLUMNS}`]: over((k, { source, rows, vectors, bins }) =>
      k.multiplyGram(source, rows, COLUMNS, vectors, bins),
    ),
    'multiplyGram, rows of 4096': over((k, { source, vectors, bins }) =>
      k.multiplyGram(source, count / 4096, 4096, vectors, bins),
    ),
    multiplyDirections: over((k, { source, rows, vectors, bins }) =>
      k.multiplyDirections(source, rows, COLUMNS, vectors, 1, bins),
    ),
    [`multiplyDirections of ${DIRECTIONS}`]: over((k, { source, rows, vectors, bins }) =>
      k.multiplyDirections(source, rows, COLUMNS, vectors, DIRECTIONS, bins),
    ),
    [`addDirections of ${DIRECTIONS}`]: over((k, { rows, vectors, shares, out }) =>
      k.addDirections(out, rows, COLUMNS, shares, vectors, DIRECTIONS),
    ),
  };
}
