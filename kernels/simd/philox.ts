/**
 * Philox4x32-10 (Salmon et al. 2011) for eight counters at once, as two independent sets of four whose multiplications
 * overlap: vector `j` of a set holds word j of its four counters, so one round is two widening multiplications and no
 * transposition; lower halves are multiplied once more, which is cheaper than to shuffle them out. What the words mean
 * is in kernels/reference/random.ts.
 */

/**
 * The two multipliers. In memory because engines make a vector constant anew at each use, where a loaded one stays in
 * its register through the loop (a third faster in V8).
 */
const multipliers = memory.data<u32>([0xd2511f53, 0xcd9e8d57], 16);
/** What is added to the two key words each round. */
const WEYL_0: i32 = 0x9e3779b9;
const WEYL_1: i32 = 0xbb67ae85;
const ROUNDS = 10;
/** Two vectors for each round: its key words in all lanes. */
const schedule = memory.data(320, 16);
const SCHEDULE_BYTES: usize = 320;

export const STREAM_MASK: i32 = 0;
export const STREAM_MASK_REST: i32 = 1;
export const STREAM_ROUND_BF16: i32 = 2;
export const STREAM_ROUND_F16: i32 = 3;

/** Bytes that one draw writes: two blocks, each word 0 of its four counters, then word 1 of all four, and so on. */
export const DRAW_BYTES: usize = 128;

/** Computes the key words of all rounds, for the draws that follow. */
export function useKey(keyLow: i32, keyHigh: i32): void {
  for (let round = 0; round < ROUNDS; round++) {
    const at = schedule + (<usize>round << 5);
    v128.store(at, i32x4.splat(keyLow + round * WEYL_0));
    v128.store(at, i32x4.splat(keyHigh + round * WEYL_1), 16);
  }
}

/** Writes the words of the counters (8·draw … 8·draw + 7, stream, 0) to `destination`: two blocks of four. */
export function drawEight(destination: usize, draw: u64, stream: i32): void {
  const first = draw << 3;
  const low = i32x4.splat(<i32>first);
  const high = i32x4.splat(<i32>(first >> 32));
  encrypt(destination, v128.or(low, i32x4(0, 1, 2, 3)), high, v128.or(low, i32x4(4, 5, 6, 7)), high, stream);
}

/** Writes the words of eight counters, four to a block; each is given by its lower two words. */
export function encrypt(destination: usize, a0: v128, a1: v128, b0: v128, b1: v128, stream: i32): void {
  const multiplier0 = v128.load32_splat(multipliers);
  const multiplier1 = v128.load32_splat(multipliers, 4);
  let a2 = i32x4.splat(stream);
  let b2 = a2;
  let a3 = i32x4.splat(0);
  let b3 = a3;
  for (let keys = schedule; keys != schedule + SCHEDULE_BYTES; keys += 32) {
    const key0 = v128.load(keys);
    const key1 = v128.load(keys, 16);
    const aLow0 = i64x2.extmul_low_i32x4_u(a0, multiplier0);
    const aHigh0 = i64x2.extmul_high_i32x4_u(a0, multiplier0);
    const aLow1 = i64x2.extmul_low_i32x4_u(a2, multiplier1);
    const aHigh1 = i64x2.extmul_high_i32x4_u(a2, multiplier1);
    const a0Next = v128.xor(v128.xor(v128.shuffle<i32>(aLow1, aHigh1, 1, 3, 5, 7), a1), key0);
    a1 = i32x4.mul(a2, multiplier1);
    a2 = v128.xor(v128.xor(v128.shuffle<i32>(aLow0, aHigh0, 1, 3, 5, 7), a3), key1);
    a3 = i32x4.mul(a0, multiplier0);
    a0 = a0Next;
    const bLow0 = i64x2.extmul_low_i32x4_u(b0, multiplier0);
    const bHigh0 = i64x2.extmul_high_i32x4_u(b0, multiplier0);
    const bLow1 = i64x2.extmul_low_i32x4_u(b2, multiplier1);
    const bHigh1 = i64x2.extmul_high_i32x4_u(b2, multiplier1);
    const b0Next = v128.xor(v128.xor(v128.shuffle<i32>(bLow1, bHigh1, 1, 3, 5, 7), b1), key0);
    b1 = i32x4.mul(b2, multiplier1);
    b2 = v128.xor(v128.xor(v128.shuffle<i32>(bLow0, bHigh0, 1, 3, 5, 7), b3), key1);
    b3 = i32x4.mul(b0, multiplier0);
    b0 = b0Next;
  }
  storeBlock(destination, a0, a1, a2, a3);
  storeBlock(destination + DRAW_BYTES / 2, b0, b1, b2, b3);
}

function storeBlock(to: usize, word0: v128, word1: v128, word2: v128, word3: v128): void {
  v128.store(to, word0);
  v128.store(to, word1, 16);
  v128.store(to, word2, 32);
  v128.store(to, word3, 48);
}
