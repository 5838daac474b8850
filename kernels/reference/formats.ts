/**
 * What the bits of the stored formats mean, one value at a time, and the f32 magnitudes at which they overflow.
 * The formats are those of IEEE 754 (f16), the upper half of f32 (bf16) and OCP's 8-bit floating point (fp8).
 */

export const F32 = { magnitude: 0x7fff_ffff, infinity: 0x7f80_0000, nan: 0x7fc0_0000 } as const;
export const BF16 = { magnitude: 0x7fff, infinity: 0x7f80, nan: 0x7fc0, overflow: 0x7f7f_8000 } as const;
export const F16 = { magnitude: 0x7fff, infinity: 0x7c00, nan: 0x7e00, overflow: 65_520 } as const;

/** A small binary format: bits of exponent and mantissa under one sign bit, and the exponent's bias. */
interface Layout {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /** Whether the largest exponent means infinity and NaN (IEEE), or is an ordinary one whose last mantissa is NaN. */
  readonly infinities: boolean;
}

const LAYOUT_F16: Layout = { exponentBits: 5, mantissaBits: 10, bias: 15, infinities: true };
const LAYOUT_F8_E5M2: Layout = { exponentBits: 5, mantissaBits: 2, bias: 15, infinities: true };
const LAYOUT_F8_E4M3: Layout = { exponentBits: 4, mantissaBits: 3, bias: 7, infinities: false };

const scratch = new DataView(new ArrayBuffer(4));

function bitsOfF32(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

/** The f32 bits of one stored value. NaN keeps its sign and its payload, moved to the mantissa's upper bits. */
function widenBits(stored: number, { exponentBits, mantissaBits, bias, infinities }: Layout): number {
  const mantissa = stored & ((1 << mantissaBits) - 1);
  const exponent = (stored >>> mantissaBits) & ((1 << exponentBits) - 1);
  const sign = (stored >>> (mantissaBits + exponentBits)) * 2 ** 31;
  const isLargest = exponent === (1 << exponentBits) - 1;
  if (isLargest && infinities) return sign + F32.infinity + mantissa * 2 ** (23 - mantissaBits);
  if (isLargest && mantissa === (1 << mantissaBits) - 1) return sign + F32.nan;
  if (exponent === 0) return sign + bitsOfF32(mantissa * 2 ** (1 - bias - mantissaBits));
  return sign + bitsOfF32((1 + mantissa * 2 ** -mantissaBits) * 2 ** (exponent - bias));
}

function table(layout: Layout): Uint32Array {
  const patterns = 2 ** (1 + layout.exponentBits + layout.mantissaBits);
  return Uint32Array.from({ length: patterns }, (_, stored) => widenBits(stored, layout));
}

/** f32 bits of every f16 pattern (65,536). */
export const F16_TO_F32 = table(LAYOUT_F16);
/** f32 bits of every fp8 E5M2 pattern (256). */
export const F8_E5M2_TO_F32 = table(LAYOUT_F8_E5M2);
/** f32 bits of every fp8 E4M3 pattern (256). */
export const F8_E4M3_TO_F32 = table(LAYOUT_F8_E4M3);

/** The exponent field of a bf16, which is all ones for infinity and NaN. */
export const BF16_EXPONENT = 0x7f80;

/** The value of a bf16: the upper half of an f32. */
export function bf16ToF32(stored: number): number {
  scratch.setUint32(0, stored * 65_536);
  return scratch.getFloat32(0);
}

/** Whether f32 bits are NaN or infinite. */
export function isNonFinite(bits: number): boolean {
  return (bits & F32.magnitude) >= F32.infinity;
}

/** The exponent e of the unit 2^e in the last place of the f16 nearest to a finite f32 magnitude below 2^16. */
export function lastPlaceF16(magnitudeBits: number): number {
  return Math.max((magnitudeBits >>> 23) - 127 - 10, -24);
}

/** The bits of the f16 that is `units` times 2^`lastPlace`, with `units` in 0 … 2048. */
export function composeF16(units: number, lastPlace: number): number {
  // A normal number has 1024 … 2047 units; its exponent field adds to them, and 2048 units carry into the next.
  return ((lastPlace + 24) << 10) + units;
}
