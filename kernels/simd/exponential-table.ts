/**
 * exp(x − largest) of rows whose elements are bf16 of ordinary size. Weights have few such values, and the largest of a row
 * is one of few too, so that nearly all have been computed before: for each of some largest values there is a table.
 */
import { exponentials } from './exponential';
import { F32_MAGNITUDE } from './format';

/** In memory, since engines make a vector constant anew at each use: magnitudes, and the bits that a bf16 has not. */
const MAGNITUDE = memory.data<i32>([F32_MAGNITUDE, F32_MAGNITUDE, F32_MAGNITUDE, F32_MAGNITUDE], 16);
const LOWER_BITS: i32 = 0xffff;
const LOWER = memory.data<i32>([LOWER_BITS, LOWER_BITS, LOWER_BITS, LOWER_BITS], 16);
/** Magnitudes from 2^-17 up to 2^-1, as bits: those of nearly all weights. The first, and how many bits lie between. */
const LEAST = memory.data<i32>([0x37000000, 0x37000000, 0x37000000, 0x37000000], 16);
const RANGE = memory.data<i32>([0x08000000, 0x08000000, 0x08000000, 0x08000000], 16);

/** Tables: as many as there are different largest values in a row of matrices like each other. */
const TABLES: u32 = 128;
/** Of f32, for 2,048 magnitudes and both signs; 0 where nothing was computed yet. */
const TABLE_BYTES: usize = 16384;
const SIGN_OFFSET = memory.data<i32>([8192, 8192, 8192, 8192], 16);
const tables = memory.data(128 * 16384, 16);
/** Bits of the largest value that each is for. */
const owners = memory.data(4 * 128, 16);

let table: usize = 0;
let largest: f32 = 0;

/** Chooses the table for a row's largest element; false when that is no bf16. */
export function useLargest(value: f32): bool {
  const bits = reinterpret<u32>(value);
  if (bits & LOWER_BITS) return false;
  largest = value;
  const place = (bits >>> 16) & (TABLES - 1);
  table = tables + <usize>place * TABLE_BYTES;
  const owner = owners + (<usize>place << 2);
  if (load<u32>(owner) != bits) {
    memory.fill(table, 0, TABLE_BYTES);
    store<u32>(owner, bits);
  }
  return true;
}

/** exp(x − largest) of `bytes` of f32, a multiple of 16. */
export function lookUpExponentials(from: usize, to: usize, bytes: usize): void {
  for (const end = from + bytes; from < end; from += 16, to += 16) {
    const x = v128.load(from);
    const above = i32x4.sub(v128.and(x, v128.load(MAGNITUDE)), v128.load(LEAST));
    const isExtreme = i32x4.ge_u(above, v128.load(RANGE));
    if (v128.any_true(v128.or(isExtreme, v128.and(x, v128.load(LOWER))))) {
      v128.store(to, exponentials(x, f32x4.splat(largest)));
      continue;
    }
    const sign = v128.and(i32x4.shr_s(x, 31), v128.load(SIGN_OFFSET));
    const places = v128.or(i32x4.shr_u(above, 14), sign);
    let found = v128.load32_zero(table + <usize>i32x4.extract_lane(places, 0));
    found = v128.load32_lane(table + <usize>i32x4.extract_lane(places, 1), found, 1);
    found = v128.load32_lane(table + <usize>i32x4.extract_lane(places, 2), found, 2);
    found = v128.load32_lane(table + <usize>i32x4.extract_lane(places, 3), found, 3);
    if (!i32x4.all_true(found)) {
      found = exponentials(x, f32x4.splat(largest));
      v128.store32_lane(table + <usize>i32x4.extract_lane(places, 0), found, 0);
      v128.store32_lane(table + <usize>i32x4.extract_lane(places, 1), found, 1);
      v128.store32_lane(table + <usize>i32x4.extract_lane(places, 2), found, 2);
      v128.store32_lane(table + <usize>i32x4.extract_lane(places, 3), found, 3);
    }
    v128.store(to, found);
  }
}
