/** The safetensors dtypes, their widths, and which of them a merge can read and write. */

/** Bits of one element, in the reference implementation's order (ascending "alignment", the writer's sort key). */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

export type Dtype = keyof typeof DTYPE_BITS;

/** Every dtype name in the writer's ascending order. */
export const DTYPES = Object.keys(DTYPE_BITS) as readonly Dtype[];

/** Floating point dtypes that a merge reads as f32. */
const MERGEABLE_DTYPES = ['BF16', 'F16', 'F32', 'F64', 'F8_E4M3', 'F8_E5M2'] as const;
export type MergeableDtype = (typeof MERGEABLE_DTYPES)[number];

/** Dtypes a merged tensor can be written in. */
const OUTPUT_DTYPES = ['BF16', 'F16', 'F32'] as const;
export type OutputDtype = (typeof OUTPUT_DTYPES)[number];

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BITS, name);
}

export function isMergeable(dtype: Dtype): dtype is MergeableDtype {
  return (MERGEABLE_DTYPES as readonly string[]).includes(dtype);
}

/** Bytes of one element of a dtype whose width is a whole number of bytes. */
export function bytesPerElement(dtype: MergeableDtype): number {
  return DTYPE_BITS[dtype] / 8;
}
