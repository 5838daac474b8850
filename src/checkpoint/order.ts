/** The order of tensor names in everything that is written: by UTF-8 bytes, as Rust and Python sort them. */

/**
 * Compares two well-formed strings by their UTF-8 bytes: negative, zero or positive. Differs from `<`, which compares
 * UTF-16 code units, where surrogates meet U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** A surrogate begins or continues a code point above U+FFFF, so it ranks above every other code unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
