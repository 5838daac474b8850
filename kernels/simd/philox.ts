/**
 * Philox4x32-10 (Salmon et al. 2011) for four consecutive counters at once: vector `j` holds word j of all four, so one
 * round is two widening multiplications and no transposition. What the words mean is in kernels/reference/random.ts.
 */

/**
 * Two multipliers, then what is added to the two key words each round. In memory because engines make a vector constant
 * anew at each use, where a loaded one stays in its register through the loop (a third faster in V8).
 */
const constants = memory.data<u32>([0xd2511f53, 0xcd9e8d57, 0x9e3779b9, 0xbb67ae85], 16);
const ROUNDS = 10;

export const STREAM_MASK: i32 = 0;
export const STREAM_MASK_REST: i32 = 1;
export const STREAM_ROUND_BF16: i32 = 2;
export const STREAM_ROUND_F16: i32 = 3;

/** Bytes of the words that `drawFour` writes: word 0 of four counters, word 1 of four counters, and so on. */
export const BLOCK_BYTES: usize = 64;

/** Writes 16 words of the counters (4·block … 4·block + 3, stream, 0) to `destination`. */
export function drawFour(destination: usize, block: u64, stream: i32, keyLow: i32, keyHigh: i32): void {
  const first = block << 2;
  const multiplier0 = v128.load32_splat(constants);
  const multiplier1 = v128.load32_splat(constants, 4);
  const weyl0 = v128.load32_splat(constants, 8);
  const weyl1 = v128.load32_splat(constants, 12);
  let key0 = i32x4.splat(keyLow);
  let key1 = i32x4.splat(keyHigh);
  let c0 = v128.or(i32x4.splat(<i32>first), i32x4(0, 1, 2, 3));
  let c1 = i32x4.splat(<i32>(first >> 32));
  let c2 = i32x4.splat(stream);
  let c3 = i32x4.splat(0);
  for (let round = 0; round < ROUNDS; round++) {
    const low0 = i64x2.extmul_low_i32x4_u(c0, multiplier0);
    const high0 = i64x2.extmul_high_i32x4_u(c0, multiplier0);
    const low1 = i64x2.extmul_low_i32x4_u(c2, multiplier1);
    const high1 = i64x2.extmul_high_i32x4_u(c2, multiplier1);
    c0 = v128.xor(v128.xor(v128.shuffle<i32>(low1, high1, 1, 3, 5, 7), c1), key0);
    c2 = v128.xor(v128.xor(v128.shuffle<i32>(low0, high0, 1, 3, 5, 7), c3), key1);
    c1 = v128.shuffle<i32>(low1, high1, 0, 2, 4, 6);
    c3 = v128.shuffle<i32>(low0, high0, 0, 2, 4, 6);
    key0 = i32x4.add(key0, weyl0);
    key1 = i32x4.add(key1, weyl1);
  }
  v128.store(destination, c0);
  v128.store(destination, c1, 16);
  v128.store(destination, c2, 32);
  v128.store(destination, c3, 48);
}

/** Word 0 of the counter (counter, stream, 0). */
export function drawOne(counter: u64, stream: i32, keyLow: i32, keyHigh: i32): u32 {
  const multiplier0 = <u64>load<u32>(constants);
  const multiplier1 = <u64>load<u32>(constants, 4);
  let key0 = <u32>keyLow;
  let key1 = <u32>keyHigh;
  let c0 = <u32>counter;
  let c1 = <u32>(counter >> 32);
  let c2 = <u32>stream;
  let c3: u32 = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const product0 = <u64>c0 * multiplier0;
    const product1 = <u64>c2 * multiplier1;
    c0 = <u32>(product1 >> 32) ^ c1 ^ key0;
    c2 = <u32>(product0 >> 32) ^ c3 ^ key1;
    c1 = <u32>product1;
    c3 = <u32>product0;
    key0 += load<u32>(constants, 8);
    key1 += load<u32>(constants, 12);
  }
  return c0;
}
