/** What a sweep shows of a variant's account. */
import type { MergeAccounting } from '../geometry/result.js';
import type { VariantGeometry } from '../sweep/result.js';

export function geometryOf(account: MergeAccounting): VariantGeometry {
  const { retained_projection_after_rounding: retained_projection, norm_ratio, rounding_survival } = account;
  return { retained_projection, norm_ratio, rounding_survival };
}
