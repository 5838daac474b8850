/**
 * What an election among few operands reads of each: coefficients, and where its elements and its mask are. Splatted
 * coefficients lie in memory, since there are more than registers.
 */
import { ENTRY, SCALE, SELECTOR, WEIGHT } from './operands';
import { Stored } from './stored';

/** The most operands that this takes. */
export const FEW: i32 = 4;

/** Scales, then weights, then what lies below the selectors, each in all lanes of a vector, for four operands. */
export const coefficients = memory.data(192, 16);
export const WEIGHTS: usize = 64;
export const LIMITS: usize = 128;

/** Elements between two looks at the operands' slots, so that what stands in for a missing operand can be short. */
export const BLOCK: i32 = 512;
/** A block of the differences of a missing operand. Its stored values are those of the base. */
export const zeros = memory.data(2048, 16);
/** A block of the mask of an operand that is kept whole. */
const ones = memory.data(64, 16);
memory.fill(ones, 0xff, 64);

/** Where a block of each operand begins, then where its mask does; u32. */
export const places = memory.data(32, 16);
export const MASKS: usize = 16;

/** Finds the block of each operand from element `first`, which is a multiple of 4, on; `missing` is that of one. */
export function placeBlock<L>(table: usize, operands: i32, first: i32, missing: usize): void {
  const width = sizeof<L>() == sizeof<Stored>() ? 1 : 2;
  for (let operand = 0; operand < FEW; operand++) {
    const entry = table + <usize>operand * ENTRY;
    const isThere = operand < operands;
    const at = places + (<usize>operand << 2);
    const mask = isThere ? <usize>load<u32>(entry, SELECTOR) : 0;
    store<u32>(at, isThere ? load<u32>(entry) + (first << width) : <u32>missing);
    store<u32>(at, mask ? <u32>(mask + (<usize>first >> 3)) : <u32>ones, MASKS);
  }
}

/** Takes scales, times `mirror`, weights and selectors from the table. */
export function fillCoefficients(table: usize, operands: i32, mirror: f32): void {
  const nothing = f32x4.splat(0);
  for (let operand = 0; operand < FEW; operand++) {
    const entry = table + <usize>operand * ENTRY;
    const at = coefficients + (<usize>operand << 4);
    const isThere = operand < operands;
    v128.store(at, isThere ? f32x4.splat(load<f32>(entry, SCALE) * mirror) : nothing);
    v128.store(at, isThere ? v128.load32_splat(entry, WEIGHT) : nothing, WEIGHTS);
    v128.store(at, i32x4.splat((isThere ? load<i32>(entry, SELECTOR) : 0) - 1), LIMITS);
  }
}
