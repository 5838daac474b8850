/** What a sweep shows of a variant's account. */
import type { MergeAccount } from '../geometry/result.js';
import type { MergeResult } from '../merge.js';
import { expertNames } from '../merge-report.js';
import { unmeasuredTensors } from '../plan/measured-jobs.js';
import type { SweepRow, Unmeasured, VariantGeometry } from '../sweep/result.js';

/** The account, and what it leaves out; a merge without a base has none of both. */
export function geometryOf({ account, plan }: MergeResult): Pick<SweepRow, 'geometry' | 'unmeasured'> {
  const geometry = account === undefined ? null : shownOf(account);
  if (plan.inputs.every(({ role }) => role !== 'base')) return { geometry };
  const tensors = unmeasuredTensors(plan);
  if (tensors.size === 0) return { geometry };
  const names = expertNames(plan);
  const absent = new Set([...tensors.values()].flat());
  const unmeasured: Unmeasured = { tensors: tensors.size, models: names.filter((_, model) => absent.has(model)) };
  return { geometry, unmeasured };
}

function shownOf(account: MergeAccount): VariantGeometry {
  const { retained_projection_after_rounding: retained_projection, norm_ratio, rounding_survival } = account;
  return { retained_projection, norm_ratio, rounding_survival };
}
