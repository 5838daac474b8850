/** Sums over the lanes of a vector of counts. */

/** Of four counts. */
export function sumOfLanes(lanes: v128): i32 {
  return (
    i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1) +
    i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3)
  );
}

/** Of eight counts, u16. */
export function sumOfShorts(lanes: v128): i32 {
  return sumOfLanes(i32x4.extadd_pairwise_i16x8_u(lanes));
}

/** Of 16 counts, u8. */
export function sumOfBytes(lanes: v128): i32 {
  return sumOfShorts(i16x8.extadd_pairwise_i8x16_u(lanes));
}
