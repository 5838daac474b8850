/**
 * DELLA's mask: the probability to keep an element grows with the rank of its magnitude in its row. Elements that are 0
 * are left out, as keeping them changes nothing; the others are sorted by magnitude, digit by digit.
 */
import { F32_MAGNITUDE } from './format';
import { drawEight, STREAM_RANKED_MASK, useKey } from './philox';

/** Elements that share a draw: two of 16 bits to each of its 32 words. */
const GROUP: i32 = 64;
const words = memory.data(128, 16);

const DIGIT_BITS: i32 = 8;
const starts = memory.data(4 * 256, 16);

/** Writes 16 random bits for each element. */
function drawRandoms(to: usize, count: i32, firstIndex: u64): void {
  for (let done: i32 = 0; done < count; ) {
    const index = firstIndex + <u64>done;
    const begin = <i32>(index & (GROUP - 1));
    const taken = min(count - done, GROUP - begin);
    drawEight(words, index >> 6, STREAM_RANKED_MASK);
    memory.copy(to + (<usize>done << 1), words + (<usize>begin << 1), <usize>taken << 1);
    done += taken;
  }
}

/** One pass of a stable sort of (magnitude, position) pairs, 8 bytes each, by the digit at `shift`. */
function sortByDigit(from: usize, to: usize, count: i32, shift: i32): void {
  memory.fill(starts, 0, 1024);
  for (let at = from; at != from + (<usize>count << 3); at += 8) {
    const counter = starts + (<usize>((load<u32>(at) >>> shift) & 255) << 2);
    store<u32>(counter, load<u32>(counter) + 1);
  }
  let next: u32 = 0;
  for (let digit: usize = 0; digit < 256; digit++) {
    const counter = starts + (digit << 2);
    const found = load<u32>(counter);
    store<u32>(counter, next);
    next += found;
  }
  for (let at = from; at != from + (<usize>count << 3); at += 8) {
    const counter = starts + (<usize>((load<u32>(at) >>> shift) & 255) << 2);
    const place = load<u32>(counter);
    store<u32>(counter, place + 1);
    store<u64>(to + (<usize>place << 3), load<u64>(at));
  }
}

/** See kernels/abi-selection.ts. */
export function drawRankedMask(
  source: usize, rows: i32, rowElements: i32, lowest: f64, highest: f64, keyLow: i32, keyHigh: i32, firstIndex: f64,
  scratch: usize, destination: usize,
): void {
  const count = rows * rowElements;
  const randoms = scratch;
  const pairs = scratch + ((<usize>count * 2 + 15) & ~15);
  const spare = pairs + (<usize>rowElements << 3);
  useKey(keyLow, keyHigh);
  drawRandoms(randoms, count, <u64>firstIndex);
  memory.fill(destination, 0, (count + 7) >> 3);
  const step = rowElements > 1 ? (highest - lowest) / <f64>(rowElements - 1) : 0;
  const start = rowElements > 1 ? lowest : (lowest + highest) * 0.5;
  for (let row = 0; row < rows; row++) {
    const first = row * rowElements;
    let found: i32 = 0;
    let set: u32 = 0;
    let clear: u32 = 0;
    for (let i = first; i < first + rowElements; i++) {
      const bare = load<u32>(source + (<usize>i << 2)) & F32_MAGNITUDE;
      store<u64>(pairs + (<usize>found << 3), <u64>bare | (<u64>i << 32));
      found += i32(bare != 0);
      set |= bare;
      clear |= bare ^ F32_MAGNITUDE;
    }
    let sorted = pairs;
    let other = spare;
    // Digits that are the same everywhere need no pass: the low ones are 0 in differences of bf16.
    for (let shift: i32 = 0; shift < 32; shift += DIGIT_BITS) {
      if (!(((set & clear) >>> shift) & 255)) continue;
      sortByDigit(sorted, other, found, shift);
      const swapped = sorted;
      sorted = other;
      other = swapped;
    }
    const rank = rowElements - found;
    for (let k = 0; k < found; k++) {
      const i = load<u32>(sorted + (<usize>k << 3), 4);
      const keeps = <f64>load<u16>(randoms + (<usize>i << 1)) < (start + step * <f64>(rank + k)) * 65536;
      const to = destination + <usize>(i >>> 3);
      store<u8>(to, load<u8>(to) | (<u8>keeps << <u8>(i & 7)));
    }
  }
}
