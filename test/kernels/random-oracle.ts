/** Philox4x32-10 and xoshiro128++ written from their papers with big integers, and the random numbers of kernels/reference/random.ts. */

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

const rotate = (x: bigint, bits: bigint): bigint => ((x << bits) | (x >> (32n - bits))) & WORD;

/** The first outputs of xoshiro128++, written from its paper with big integers. */
export function xoshiro(state: readonly bigint[], outputs: number): bigint[] {
  let [s0, s1, s2, s3] = state as [bigint, bigint, bigint, bigint];
  return Array.from({ length: outputs }, () => {
    const output = (rotate((s0 + s3) & WORD, 7n) + s0) & WORD;
    const mixed = s2 ^ s0;
    [s0, s1, s2, s3] = [s0 ^ s3 ^ s1, s1 ^ mixed, mixed ^ ((s1 << 9n) & WORD), rotate(s3 ^ s1, 11n)];
    return output;
  });
}

/** The outputs of the generators of a block of 4,096 elements, by their keys and counters. */
const outputsOf = new Map<string, bigint[]>();

function outputs(q: bigint, key: Key): bigint[] {
  const name = `${q} ${key}`;
  const known = outputsOf.get(name) ?? xoshiro(words(q, 0n, key), 128);
  outputsOf.set(name, known);
  return known;
}

/** 2^40 times the uniform number that decides about element `index` of a mask, before its rounding down. */
export function maskNumber(index: number, key: Key): number {
  const i = BigInt(index);
  const [block, group, lane, bit] = [i / 4096n, Number((i % 4096n) / 128n), (i / 32n) % 4n, i % 32n];
  const [high, low] = [8n * block + lane, 8n * block + lane + 4n].map((q) => outputs(q, key));
  const drawn = [0, 1, 2, 3].flatMap((n) => [high![4 * group + n]!, low![4 * group + n]!]);
  const digit = BigInt(`0b${drawn.map((word) => (word >> bit) % 2n).join('')}`);
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
