/**
 * Random bits of masks: xoshiro128++ (Blackman and Vigna 2021) in eight lanes, as two independent sets of four whose steps
 * overlap, a block of elements at a time. Philox draws where the lanes of a block begin, so that any block can be drawn
 * without those before it. What the bits mean is in kernels/reference/random.ts.
 */
import { drawEight, STREAM_MASK } from './philox';

/** Elements of a block: the eight lanes yield 128 × 256 bits, eight for each element. */
export const MASK_BLOCK: i32 = 4096;
/** Elements that are drawn side by side: a bit of each is a vector. */
export const MASK_GROUP: i32 = 128;
/** Eight vectors, from the highest bit on. */
export const GROUP_BYTES: usize = 128;

/** The bits of a block, group by group. */
export const maskBits = memory.data(4096, 16);
const BLOCK_BYTES: usize = 4096;

/** Word j of the state of four lanes is vector j, and of the other four vector 4 + j. */
const seeds = memory.data(128, 16);

/** Writes the bits of a block; of the key of the last `useKey`. */
export function drawBlock(block: u64): void {
  drawEight(seeds, block, STREAM_MASK);
  let a0 = v128.load(seeds);
  let a1 = v128.load(seeds, 16);
  let a2 = v128.load(seeds, 32);
  let a3 = v128.load(seeds, 48);
  let b0 = v128.load(seeds, 64);
  let b1 = v128.load(seeds, 80);
  let b2 = v128.load(seeds, 96);
  let b3 = v128.load(seeds, 112);
  for (let to = maskBits; to != maskBits + BLOCK_BYTES; to += 32) {
    v128.store(to, i32x4.add(rotate(i32x4.add(a0, a3), 7), a0));
    v128.store(to, i32x4.add(rotate(i32x4.add(b0, b3), 7), b0), 16);
    const aShifted = i32x4.shl(a1, 9);
    a2 = v128.xor(a2, a0);
    a3 = v128.xor(a3, a1);
    a1 = v128.xor(a1, a2);
    a0 = v128.xor(a0, a3);
    a2 = v128.xor(a2, aShifted);
    a3 = rotate(a3, 11);
    const bShifted = i32x4.shl(b1, 9);
    b2 = v128.xor(b2, b0);
    b3 = v128.xor(b3, b1);
    b1 = v128.xor(b1, b2);
    b0 = v128.xor(b0, b3);
    b2 = v128.xor(b2, bShifted);
    b3 = rotate(b3, 11);
  }
}

function rotate(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}
