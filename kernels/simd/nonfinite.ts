/**
 * Counting NaN and infinities: a value is one of them when its bits without the sign reach `limit`, the bits of
 * infinity. Converting loops only keep a running maximum, and come here when it shows that there is something to count.
 */

/** Elements of 16 bits whose lower 15 bits are >= `limit`. */
export function countFrom16(source: usize, count: i32, limit: i32): i32 {
  const magnitude = i16x8.splat(0x7fff);
  const below = i16x8.splat(<i16>(limit - 1));
  let found: i32 = 0;
  let p = source;
  let rest = count;
  for (; rest >= 8; rest -= 8, p += 16) {
    found += popcnt(i16x8.bitmask(i16x8.gt_s(v128.and(v128.load(p), magnitude), below)));
  }
  for (; rest > 0; rest--, p += 2) found += i32((<i32>load<u16>(p) & 0x7fff) >= limit);
  return found;
}

/** Elements of 32 bits whose lower 31 bits are >= `limit`. */
export function countFrom32(source: usize, count: i32, limit: i32): i32 {
  const magnitude = i32x4.splat(0x7fffffff);
  const below = i32x4.splat(limit - 1);
  let found: i32 = 0;
  let p = source;
  let rest = count;
  for (; rest >= 4; rest -= 4, p += 16) {
    found += popcnt(i32x4.bitmask(i32x4.gt_s(v128.and(v128.load(p), magnitude), below)));
  }
  for (; rest > 0; rest--, p += 4) found += i32((load<i32>(p) & 0x7fffffff) >= limit);
  return found;
}

/** Whether any lane of a running maximum of 16-bit magnitudes is >= `limit`. */
export function reaches16(maximum: v128, limit: i32): bool {
  return v128.any_true(i16x8.gt_s(maximum, i16x8.splat(<i16>(limit - 1))));
}

/** Whether any lane of a running maximum of 32-bit magnitudes is >= `limit`. */
export function reaches32(maximum: v128, limit: i32): bool {
  return v128.any_true(i32x4.gt_s(maximum, i32x4.splat(limit - 1)));
}
