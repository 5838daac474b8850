/** Squeezing out lanes without a branch: chosen lanes move to the front, and the next store begins behind them. */

/** For each mask of the lanes of a vector, the byte order that moves the lanes in the mask to the front. */
const ORDERS_32 = memory.data(256, 16);
const ORDERS_16 = memory.data(4096, 16);

function fillOrders(orders: usize, lanes: i32): void {
  const bytes = 16 / lanes;
  for (let mask = 0; mask < 1 << lanes; mask++) {
    let to = orders + (<usize>mask << 4);
    for (let rest = mask; rest; rest &= rest - 1) {
      for (let byte = 0; byte < bytes; byte++, to++) store<u8>(to, <u8>(ctz(rest) * bytes + byte));
    }
  }
}
fillOrders(ORDERS_32, 4);
fillOrders(ORDERS_16, 8);

/** The byte order for `mask`, a bitmask of four lanes of 32 bits. */
export function packingOrder32(mask: i32): v128 {
  return v128.load(ORDERS_32 + (<usize>mask << 4));
}

/** The byte order for `mask`, a bitmask of eight lanes of 16 bits. */
export function packingOrder16(mask: i32): v128 {
  return v128.load(ORDERS_16 + (<usize>mask << 4));
}

/** Those of eight u16 whose bit is set, side by side; returns their end. */
export function copyLanes(to: usize, eight: v128, lanes: u32): usize {
  v128.store(to, v128.swizzle(eight, packingOrder16(<i32>lanes)));
  return to + (<usize>popcnt(lanes) << 1);
}

/** For each mask of eight lanes, the numbers (u8) of the lanes in it. */
const NUMBERS = memory.data(2048, 16);

function fillNumbers(): void {
  for (let mask = 0; mask < 256; mask++) {
    let to = NUMBERS + (<usize>mask << 3);
    for (let rest = mask; rest; rest &= rest - 1, to++) store<u8>(to, <u8>ctz(rest));
  }
}
fillNumbers();

/** The numbers of the lanes in `mask`, a bitmask of eight, as the first lanes of 16 bits. */
export function lanesIn(mask: i32): v128 {
  return v128.load8x8_u(NUMBERS + (<usize>mask << 3));
}
