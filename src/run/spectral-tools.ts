/** What spectra ask of kernels, in the memory of a unit. */
import type { Kernels, Slot } from '../../kernels/abi.js';
import { SymmetricEigen } from '../../kernels/spectral/symmetric-eigen.js';
import { BASIS_WIDTH, type SpectralTools } from '../geometry/spectrum.js';

/** Arrays by name, each as long as the longest that was asked for. */
export type NumberStore = Map<string, Float64Array>;

/** `take` gives kernel memory that lasts until inputs are taken anew, the same for the same name. */
export function spectralTools(
  kernels: Kernels,
  take: (name: string, bytes: number) => Slot,
  store: NumberStore,
): SpectralTools {
  let eigen: SymmetricEigen | undefined;
  return {
    numbers(name, length) {
      const known = store.get(name);
      const array = known !== undefined && known.length >= length ? known : new Float64Array(length);
      store.set(name, array);
      return array.subarray(0, length).fill(0);
    },
    leadingEigen(matrix, size, count) {
      // Wanted once a matrix, between the last two passes.
      let parts = 0;
      eigen ??= new SymmetricEigen(kernels, (bytes) => take(`eigen ${parts++}`, bytes), BASIS_WIDTH);
      return eigen.leading(matrix, size, count);
    },
    orthonormalize(matrix, width) {
      const length = matrix.length / width;
      const slot = take(`vectors ${width}`, matrix.byteLength);
      // Column by column: of a wide matrix row-major, every number would be in another line of the cache.
      const vectors = new Float64Array(kernels.memory.buffer, slot, matrix.length);
      for (let column = 0; column < width; column++) {
        for (let row = 0; row < length; row++) vectors[column * length + row] = matrix[row * width + column]!;
      }
      kernels.orthonormalize(slot, width, length);
      for (let column = 0; column < width; column++) {
        for (let row = 0; row < length; row++) matrix[row * width + column] = vectors[column * length + row]!;
      }
    },
  };
}
