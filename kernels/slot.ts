/** Byte offset into the kernels' memory, a multiple of 16. */
export type Slot = number;
