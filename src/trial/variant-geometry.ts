/** What a merge's report says of a variant as a whole. */
import type { GeometryResult } from '../geometry/result.js';
import type { VariantGeometry } from '../sweep/result.js';

/** Null when nothing was merged against a base. */
export function geometryOf({ merge_accounting }: GeometryResult): VariantGeometry | null {
  const [account] = Object.values(merge_accounting);
  if (account === undefined) return null;
  const { retained_projection_after_rounding: retained_projection, norm_ratio, rounding_survival } = account;
  return { retained_projection, norm_ratio, rounding_survival };
}
