/** Operand tables, as far as geometry reads them: scales and weights are not used. */

/** Bytes of an entry, whose first u32 is the slot of the operand's f32. */
export const ENTRY: usize = 16;
/** Where an entry has the least magnitude that counts, as bits, for kernels that select. */
export const SELECTOR: usize = 12;

/** Address of the element at byte `offset` of an entry's operand. */
export function elementAt(entry: usize, offset: usize): usize {
  return <usize>load<u32>(entry) + offset;
}
