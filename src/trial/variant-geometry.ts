/** What a sweep shows of a variant's account. */
import type { MergeAccount } from '../geometry/result.js';
import type { VariantGeometry } from '../sweep/result.js';

export function geometryOf(account: MergeAccount): VariantGeometry {
  const { retained_projection_after_rounding: retained_projection, norm_ratio, rounding_survival } = account;
  return { retained_projection, norm_ratio, rounding_survival };
}
