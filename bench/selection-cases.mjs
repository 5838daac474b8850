/** What selects elements, by masks, ranks, sizes and rows, for bench/kernels.mjs. */

/** Elements of a row, where rows matter. */
const ROW = 1024;
/** About the top fifth of the differences. */
const THRESHOLD = 0x3a00_0000;
/** About as much, for importances. */
const LIMIT = 2 ** -12;

/** Slots of the inputs and of what nobody reads afterwards, taken by `slot`. */
export function selectionInputs(slot, count) {
  const rows = count / ROW;
  return { rows, factors: slot(4 * rows), scratch: slot(count + 18 * ROW + 64) };
}

/** Fills the slots with numbers of `draw`, in [0, 1). */
export function fillSelection(buffer, { factors, rows }, draw) {
  new Float32Array(buffer, factors, rows).forEach((_, row, values) => {
    values[row] = draw();
  });
}

/** The cases by name, as bench/kernels.mjs has them. */
export function selectionCases(count, operands, key) {
  const rows = count / ROW;
  return {
    keepAgreeing: { run: (k, at) => k.keepAgreeing(at.operands[0], at.weights, at.out, count) },
    clampMagnitude: { run: (k, at) => k.clampMagnitude(at.operands[0], 2 ** -11, at.out, count) },
    keepLargest: {
      run: (k, at) => k.keepLargest(at.operands[0], at.out, count, THRESHOLD, 0),
      plain: ({ bits, outBits }) => {
        for (let i = 0; i < count; i++) outBits[i] = (bits[i] & 0x7fff_ffff) > THRESHOLD ? bits[i] : 0;
      },
    },
    keepBetween: { run: (k, at) => k.keepBetween(at.operands[0], THRESHOLD, THRESHOLD + 0x80_0000, at.out, count) },
    'keepLargest, allowance': { run: (k, at) => k.keepLargest(at.operands[0], at.out, count, THRESHOLD, 5) },
    keepMasked: { run: (k, at) => k.keepMasked(at.operands[0], at.mask, at.out, count) },
    sumMaskedSquares: { run: (k, at) => k.sumMaskedSquares(at.operands[0], at.stored.masks[0], count, at.lanes) },
    markNonZero: { run: (k, at) => k.markNonZero(at.operands[0], at.out, count) },
    [`variance of ${operands}`]: {
      run: (k, at) => k.variance(at.table, operands, at.out, count),
      plain: ({ operands: vectors, out }) => {
        for (let i = 0; i < count; i++) {
          const mean = vectors.reduce((sum, x) => sum + x[i], 0) / operands;
          out[i] = vectors.reduce((sum, x) => sum + (x[i] - mean) ** 2, 0) / operands;
        }
      },
    },
    [`eraseUnshared of ${operands}`]: { run: (k, at) => k.eraseUnshared(at.table, operands, at.out, count, 2) },
    drawMask: { run: (k, at) => k.drawMask(at.out, count, 51, 0x3333_3333, ...key, 0) },
    [`drawRankedMask, rows of ${ROW}`]: {
      run: (k, { operands: [source], selection: { scratch }, out }) =>
        k.drawRankedMask(source, rows, ROW, 0.25, 0.55, ...key, 0, scratch, out),
    },
    [`softmaxDivergence, rows of ${ROW}`]: {
      run: (k, { operands: [model], weights, selection: { scratch }, out }) =>
        k.softmaxDivergence(model, weights, ROW, rows, scratch, out),
    },
    importances: {
      run: (k, { operands: [source], selection: { factors }, out, bins }) =>
        k.importances(source, factors, ROW, rows, out, bins),
    },
    keepImportant: {
      run: (k, { operands: [source], selection: { factors }, out }) =>
        k.keepImportant(source, factors, ROW, rows, LIMIT, out),
      plain: ({ operands: [x], factors, out }) => {
        for (let i = 0; i < count; i++) {
          out[i] = Math.fround(Math.abs(x[i]) * factors[Math.floor(i / ROW)]) >= LIMIT ? x[i] : 0;
        }
      },
    },
  };
}
