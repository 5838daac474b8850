/** f32 bit patterns that find mistakes, and random ones. */
import fc from 'fast-check';

/** Zeros, subnormals, ones, ties and limits of bf16 and f16, infinities, quiet and signalling NaN; both signs. */
export const SPECIAL_BITS: readonly number[] = [
  0x00000000, 0x00000001, 0x00007fff, 0x00008000, 0x00008001, 0x00018000, 0x007fffff, 0x00800000, 0x3f800000,
  0x3f808000, 0x3f818000, 0x3f808001, 0x3f7fffff, 0x33000000, 0x33000001, 0x33800000, 0x33c00000, 0x387fc000,
  0x387fe000, 0x387fffff, 0x38800000, 0x38801000, 0x38803000, 0x3f801000, 0x3f803000, 0x477fe000, 0x477fefff,
  0x477ff000, 0x47800000, 0x7f7f0000, 0x7f7f7fff, 0x7f7f8000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fa00000,
  0x7fc00000, 0x7fc12345, 0x7fffffff, 0x40490fdb,
].flatMap((bits) => [bits, bits + 0x8000_0000]);

/** Bits of any f32, with more zeros, special values and values near 1 than chance would give. */
export const anyBits: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...SPECIAL_BITS) },
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
  { weight: 2, arbitrary: fc.integer({ min: 0x3f00, max: 0x3fff }).map((upper) => upper * 65_536) },
  { weight: 2, arbitrary: fc.integer({ min: 0xbf000000, max: 0xbfffffff }) },
);

/** The special patterns, then `count` random ones; the same for the same seed. */
export function sampleBits(count: number, seed: number): Uint32Array {
  return Uint32Array.from([...SPECIAL_BITS, ...fc.sample(anyBits, { numRuns: count, seed })]);
}

export function asFloats(bits: Uint32Array): Float32Array {
  return new Float32Array(bits.buffer, bits.byteOffset, bits.length);
}
