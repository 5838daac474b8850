/** Philox4x32-10 written from the paper with big integers, and the random numbers of kernels/reference/random.ts. */

const WORD = 0xffff_ffffn;

export function philox(counter: readonly bigint[], key: readonly bigint[]): bigint[] {
  let [x0, x1, x2, x3] = counter as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const left = x0 * 0xd2511f53n;
    const right = x2 * 0xcd9e8d57n;
    [x0, x1, x2, x3] = [(right >> 32n) ^ x1 ^ k0, right & WORD, (left >> 32n) ^ x3 ^ k1, left & WORD];
    k0 = (k0 + 0x9e3779b9n) & WORD;
    k1 = (k1 + 0xbb67ae85n) & WORD;
  }
  return [x0, x1, x2, x3];
}

export type Key = readonly [low: number, high: number];

function words(q: bigint, stream: bigint, [low, high]: Key): bigint[] {
  return philox([q & WORD, q >> 32n, stream, 0n], [BigInt(low), BigInt(high)]);
}

/** 2^40 times the uniform number that decides about element `index` of a mask, before its rounding down. */
export function maskNumber(index: number, key: Key): number {
  const i = BigInt(index);
  const word = words(4n * (i / 64n) + ((i / 4n) % 4n), 0n, key)[Number((i / 16n) % 4n)]!;
  const digit = (word >> (8n * (i % 4n))) % 256n;
  return Number(digit * 2n ** 32n + words(i, 1n, key)[0]!);
}

/** The 16 random bits of element `index` for bf16. */
export function bf16Bits(index: number, key: Key): number {
  const i = BigInt(index);
  const word = words(4n * (i / 32n) + ((i / 2n) % 4n), 2n, key)[Number((i / 8n) % 4n)]!;
  return Number((word >> (16n * (i % 2n))) % 65_536n);
}

/** The 32 random bits of element `index` for f16. */
export function f16Bits(index: number, key: Key): number {
  const i = BigInt(index);
  return Number(words(i / 4n, 3n, key)[Number(i % 4n)]!);
}
