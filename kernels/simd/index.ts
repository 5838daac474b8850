/** The module's exports: the stage functions of kernels/abi.ts, and where the caller's memory begins. */
export { widenBf16, widenF16, widenF32, widenF64, widenF8E4M3, widenF8E5M2 } from './widen';
export { narrowBf16, narrowF16, narrowF32 } from './narrow';
export { narrowBf16Stochastic, narrowF16Stochastic } from './stochastic';
export { add, subtract } from './arithmetic';
export { addColumnProducts, combineColumns } from './columns';
export { addDirections, multiplyDirections, multiplyGram } from './directions';
export { electStoredBf16 } from './elect-few';
export { differBf16, filledBins } from './fused';
export { sumAlignment } from './geometry-alignment';
export { addColumnSquares, addRowSquares } from './geometry-channels';
export { collectChanges, countSteps } from './geometry-collect';
export { countMasks, markChanged } from './geometry-masks';
export { sumProducts } from './geometry-products';
export { sumShared } from './geometry-shared';
export { sumSurvival } from './geometry-survival';
export { sumMaskedSquares, sumSquares, sumSquaresStored } from './geometry-squares';
export { classifyChange } from './geometry-change';
export { multiplyMatrices, reduceRows, reflectRows, rotateRows } from './linear-algebra';
export { addLowRank } from './low-rank';
export { orthonormalize } from './orthonormal';
export { addInnerProducts } from './inner-products';
export { addTransposedRows, multiplyRows } from './matrix-products';
export { electedSum, signBalance, weightedSum } from './merge';
export { softmaxDivergence } from './divergence';
export { importances, keepImportant } from './importance';
export { drawMask } from './mask';
export { eraseUnshared, markNonZero, variance } from './variance';
export { drawRankedMask } from './ranked-mask';
export { clampMagnitude, countOverlap, keepAgreeing, overlapMean } from './overlap';
export { keepBetween, keepLargest, keepMasked } from './sparsify';
export { histogramLowBits, histogramMagnitude } from './statistics';
export { countAroundStored } from './stored-around';
export { countNonFiniteBf16, histogramStoredBf16, passTies } from './stored-statistics';
export { sumStoredBf16 } from './stored-sum';
export { varianceStoredBf16 } from './stored-variance';
export { sumMagnitude, sumMasked, sumMaskedStored } from './magnitude-sums';

/** A cache line, so that a caller's first slot shares none with the module's own data. */
const LINE: usize = 64;

/** First byte after static data, rounded up to a cache line. */
export function heapStart(): usize {
  return (__heap_base + LINE - 1) & ~(LINE - 1);
}
