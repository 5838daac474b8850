/** Vectors of f64 that are made orthonormal one after the other. */
import type { LinearAlgebraKernels } from '../abi-linear-algebra.js';
import { innerProduct } from './linear-algebra.js';
import type { ReferenceMemory } from './memory.js';

/** Vectors shorter than this share of what they were are what rounding left of a dependent one. */
const DEPENDENT = 1e-12;

/** What is left of a vector by less than this share lost digits, and is made orthogonal once more (Kahan and Parlett). */
const SHRUNK = Math.SQRT1_2;

export function orthonormal(memory: ReferenceMemory): Pick<LinearAlgebraKernels, 'orthonormalize'> {
  return {
    orthonormalize(vectors, count, length) {
      const rows = Array.from({ length: count }, (_, row) => memory.f64(vectors + 8 * row * length, length));
      for (const [index, row] of rows.entries()) {
        const lengthBesideOthers = (): number => {
          for (const other of rows.slice(0, index)) {
            const share = innerProduct(other, row, 0);
            for (let i = 0; i < length; i++) row[i]! -= share * other[i]!;
          }
          return lengthOf(row);
        };
        const before = lengthOf(row);
        const once = lengthBesideOthers();
        const norm = once < SHRUNK * before ? lengthBesideOthers() : once;
        const scale = norm > DEPENDENT * before ? 1 / norm : 0;
        for (let i = 0; i < length; i++) row[i]! *= scale;
      }
    },
  };
}

const lengthOf = (vector: Float64Array): number => Math.sqrt(innerProduct(vector, vector, 0));
