/** Masks of one bit for each element. */

/** The bit of each of eight elements within their byte of a mask, one to a lane. */
export const BITS = memory.data<i32>([1, 2, 4, 8, 16, 32, 64, 128], 16);
