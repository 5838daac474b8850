/** What to act on in a finished merge, from its accounting. */
import { IDLE_TRIMMING_SHARE, NORM_RATIO_LIMIT, ROUNDING_SURVIVAL_LIMIT } from './finding-thresholds.js';
import { formatCount, formatMeasure, formatShare } from './number-text.js';
import type { Finding, MergeAccounting } from './result.js';

/** Findings on one merge; `merge` is its key in `merge_accounting`, `changed` the changed share of each expert. */
export function judgeMerge(
  merge: string,
  accounting: MergeAccounting,
  changed: Readonly<Record<string, number>>,
): Finding[] {
  return [
    ...judgeDensity(merge, accounting, changed),
    ...judgeNonFinite(merge, accounting),
    ...judgeLength(merge, accounting, changed),
    ...judgeRounding(merge, accounting),
  ];
}

/** Whether all that is written has the widest dtype there is. */
const writesFloat32 = (merge: string): boolean => merge.endsWith('-> F32');

function judgeNonFinite(merge: string, { non_finite: values }: MergeAccounting): Finding[] {
  if (values === 0) return [];
  return [
    {
      code: 'non-finite-output',
      level: 'problem',
      title: `${merge} wrote NaN or infinite values`,
      evidence: `${formatCount(values)} ${values === 1 ? 'value' : 'values'}`,
      advice:
        'Do not use this model. Check the inputs for such values; with float16 output, write bfloat16 or float32.',
    },
  ];
}

/** `norm_ratio` is of a mean in which experts that changed nothing count; how far one was trained to go they do not tell. */
function judgeLength(merge: string, accounting: MergeAccounting, changed: Readonly<Record<string, number>>): Finding[] {
  const { norm_ratio: toMean } = accounting;
  const shares = Object.values(changed);
  const trained = shares.filter((share) => share > 0).length;
  const ratio = toMean === null ? null : (toMean * trained) / shares.length;
  if (ratio === null || !(ratio > NORM_RATIO_LIMIT)) return [];
  return [
    {
      code: 'over-scaled-merge',
      level: 'warning',
      title: `${merge} goes ${formatMeasure(ratio)} times as far from the base as an expert`,
      evidence:
        `‖Δ̃‖ / mean ‖τ‖ ${formatMeasure(ratio)} (limit ${NORM_RATIO_LIMIT})` +
        (trained < shares.length ? `, of the ${trained} of ${shares.length} experts that changed anything` : ''),
      advice:
        `${adviceOnLength(merge, accounting, ratio)} ` +
        'Over-long merges of RL experts lost accuracy in code, and their answers grew several times longer (arXiv 2608.27409).',
    },
  ];
}

/** λ scales what is then rounded, and what rounding adds hardly depends on λ. */
function adviceOnLength(merge: string, accounting: MergeAccounting, ratio: number): string {
  const { delta_norm: before, delta_norm_after_rounding: after } = accounting;
  const exact = ratio * (before / after);
  if (exact <= NORM_RATIO_LIMIT && !writesFloat32(merge)) {
    const times = formatMeasure(exact);
    return `Write float32 (dtype: float32): before rounding it is ${times} times as long, so less λ makes it little shorter.`;
  }
  const factor = formatMeasure(1 / (exact > 0 ? exact : ratio));
  return `Multiply λ, or what the method has instead, by ${factor} for the length of one expert before rounding.`;
}

function judgeRounding(merge: string, accounting: MergeAccounting): Finding[] {
  const survival = accounting.rounding_survival;
  if (survival === null || !(survival < ROUNDING_SURVIVAL_LIMIT)) return [];
  const lost = formatCount(accounting.lost_to_rounding);
  const updated = formatCount(accounting.updated_coordinates);
  const { delta_norm: before, delta_norm_after_rounding: after } = accounting;
  const norms = Number.isFinite(before) && Number.isFinite(after);
  return [
    {
      code: 'rounding-survival',
      level: 'warning',
      title: `${merge}: ${formatShare(1 - survival)} of its updates round back to the base`,
      evidence:
        `${lost} of ${updated} updated elements are written unchanged` +
        (norms ? `; ‖Δ‖ ${formatMeasure(before)} before and ${formatMeasure(after)} after rounding` : ''),
      advice: `${writesFloat32(merge) ? 'Raise λ' : 'Write float32 (dtype: float32), or raise λ'}: changes below half a step of the output dtype vanish.`,
    },
  ];
}

function judgeDensity(
  merge: string,
  { density = {}, removed }: MergeAccounting,
  changed: Readonly<Record<string, number>>,
): Finding[] {
  const idle = Object.entries(density).flatMap(([name, share]) => {
    const [changes, trimmed] = [changed[name] ?? 0, removed[name]?.trimmed ?? null];
    const isIdle = share < 1 && share > changes && trimmed !== null && trimmed < IDLE_TRIMMING_SHARE;
    return isIdle ? [`${name}: density ${formatMeasure(share)}, changed ${formatShare(changes)}`] : [];
  });
  if (idle.length === 0) return [];
  const experts = Object.keys(density).length;
  const whom =
    idle.length === experts ? 'the changed share' : `the changed share of ${idle.length} of ${experts} experts`;
  const what = idle.length === experts ? 'nothing' : 'nothing to them';
  return [
    {
      code: 'idle-trimming',
      level: 'warning',
      title: `${merge}: the density is above ${whom}, so trimming did ${what}`,
      evidence: idle.join('; '),
      advice:
        'A density counts all elements, unchanged ones too. For an effect choose one well below the changed share; ' +
        'without one the method is an election alone.',
    },
  ];
}
