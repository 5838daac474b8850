/** Merging singular vectors: the leading ones of every operand, made orthogonal to each other (TSV, arXiv 2412.00081). */
import { numberOf } from '../parameters.js';
import { orthogonalize, type Triplet, thinSvd } from '../spectral/thin-svd.js';
import type { Combine, UnitContext } from '../unit.js';

/**
 * λ · U′ Σ V′ᵀ of the operands' leading triplets, ⌊r/N⌋ of each, U′ and V′ being the nearest orthonormal systems to the
 * vectors side by side. The unit must be the whole tensor, and that a matrix.
 */
export function mergeSingularVectors({ kernels, merge }: UnitContext): Combine {
  const [rows, columns] = merge.shape as [number, number];
  const share = Math.floor(Math.min(rows, columns) / merge.operands.length);
  const lambda = numberOf(merge.settings, 'lambda');
  return ({ operands, count }, destination) => {
    const triplets = operands.flatMap((slot) =>
      thinSvd(new Float32Array(kernels.memory.buffer, slot, count), rows, columns).slice(0, share),
    );
    const merged = product(triplets, rows, columns);
    new Float32Array(kernels.memory.buffer, destination, count).set(merged.map((value) => lambda * value));
  };
}

function product(triplets: readonly Triplet[], rows: number, columns: number): Float64Array {
  const left = nearestOrthonormal(triplets.map((triplet) => triplet.left));
  const right = nearestOrthonormal(triplets.map((triplet) => triplet.right));
  const merged = new Float64Array(rows * columns);
  triplets.forEach(({ value }, k) => {
    for (let row = 0; row < rows; row++) {
      const factor = value * left[k]![row]!;
      const at = row * columns;
      for (let column = 0; column < columns; column++) merged[at + column]! += factor * right[k]![column]!;
    }
  });
  return merged;
}

/** The orthonormal vectors nearest to the given ones: W Zᵀ of their singular value decomposition W Σ Zᵀ. */
function nearestOrthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const nearest = vectors.map((vector) => new Float64Array(vector.length));
  for (const { direction, combination } of orthogonalize(vectors.map((vector) => vector.slice()))) {
    nearest.forEach((vector, k) => {
      const factor = combination[k]!;
      for (let i = 0; i < vector.length; i++) vector[i]! += factor * direction[i]!;
    });
  }
  return nearest;
}
