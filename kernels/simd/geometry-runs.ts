/** Runs of elements over which products are summed in f32 before they go on in f64. */

/** Elements and bytes of a run. */
export const RUN: i32 = 64;
export const RUN_BYTES: usize = 256;

/** Bytes of the four f64 lanes of a sum. */
export const LANES: usize = 32;

/** Adds four f32 to their f64 lanes. */
export function addToLanes(partial: v128, lanes: usize): void {
  const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(partial, partial, 2, 3, 2, 3));
  v128.store(lanes, f64x2.add(v128.load(lanes), f64x2.promote_low_f32x4(partial)));
  v128.store(lanes, f64x2.add(v128.load(lanes, 16), high), 16);
}
