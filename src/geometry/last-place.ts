/** The unit in the last place of a stored value: 2^(max(e, minimumExponent) − mantissaBits) for 2^e ≤ |w| < 2^(e+1). */
import type { MergeableDtype } from '../checkpoint/dtype.js';

export interface LastPlace {
  readonly mantissaBits: number;
  readonly minimumExponent: number;
}

/** f64 is measured as the f32 it is read as. */
export const LAST_PLACE: Readonly<Record<MergeableDtype, LastPlace>> = {
  BF16: { mantissaBits: 7, minimumExponent: -126 },
  F16: { mantissaBits: 10, minimumExponent: -14 },
  F32: { mantissaBits: 23, minimumExponent: -126 },
  F64: { mantissaBits: 23, minimumExponent: -126 },
  F8_E4M3: { mantissaBits: 3, minimumExponent: -6 },
  F8_E5M2: { mantissaBits: 2, minimumExponent: -14 },
};
