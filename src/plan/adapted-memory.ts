/** How much memory a worker takes for inputs that an adapter changes. */

/** Elements of a factor read or transposed at once; also the most elements of L held. A multiple of 64. */
export const CHUNK_ELEMENTS = 65_536;

/** Bytes for the R of all adapted inputs of a unit; where they take more, one after the other is read for each tile. */
const RIGHT_BUDGET_BYTES = 16_777_216;

/** Bytes of R as f32. */
export function rightBytes({ rank, columns }: { readonly rank: number; readonly columns: number }): number {
  return 4 * rank * columns;
}

/** Whether the R of all inputs, of these bytes each, are held side by side. */
export function holdsAllRights(sizes: readonly number[]): boolean {
  return sizes.reduce((total, bytes) => total + bytes, 0) <= RIGHT_BUDGET_BYTES;
}

/** Bytes that a worker needs to read adapted inputs, `sizes` being those of their R; none when there are none. */
export function adaptedBytes(sizes: readonly number[], rescales: boolean): number {
  if (sizes.length === 0) return 0;
  const rights = holdsAllRights(sizes) ? sizes.reduce((total, bytes) => total + bytes, 0) : Math.max(...sizes);
  const chunks = (8 + 4 + 4) * CHUNK_ELEMENTS;
  const ofRows = rescales ? (8 + 4) * CHUNK_ELEMENTS : 0;
  return rights + chunks + ofRows;
}
