/** Meaning of the numbers about a whole group and about a finished merge, as in geometry-metrics.ts. */
import type { HotspotGeometry, MergeAccounting, RemovedShares } from '../geometry/result.js';
import { EXPERT_METRICS, type Metric, PAIR_METRICS, type ScopeMetricKey } from './geometry-metrics.js';
import { SPECTRAL_EXPERT_METRICS, SPECTRAL_PAIR_METRICS } from './geometry-spectral-metrics.js';

export const SCOPE_METRICS: { readonly [K in ScopeMetricKey]: Metric } = {
  changed_by_k: {
    label: 'changed by k',
    unit: 'count',
    formula: 'elements changed by exactly k experts',
    chance: '',
    source: 'RAM, arXiv 2601.13572',
  },
  exact_cancellation_on_overlap: {
    label: 'exact cancellation',
    unit: 'share',
    formula: '#{Στᵢ = 0} among the elements changed by two or more',
    chance: 'bf16, independent: 13–20 %, where the tie rule of an election decides',
    source: 'own, docs/geometry.md',
  },
  conflict_mass: {
    label: 'conflict mass',
    unit: 'share',
    formula: 'Σ min(P,N) / Σ (P+N), P and N the positive and negative mass at an element',
    chance: '0 % without conflict, 50 % if everything cancels',
    source: 'after TIES, arXiv 2306.01708',
  },
};

export const HOTSPOT_METRICS: { readonly [K in Exclude<keyof HotspotGeometry, 'channels'>]: Metric } = {
  jaccard: {
    label: 'hotspot Jaccard',
    unit: 'measure',
    formula: 'Jaccard of the 10 % of MLP channels with most update energy',
    chance: '1/19 ≈ 0.053 if chosen independently',
    chanceValue: 1 / 19,
    source: '"No task vector is an island" (2026)',
  },
  incoming_energy: {
    label: 'incoming energy',
    unit: 'ratio',
    formula: 'Σ_{s≠t} ‖τ_s|S_t‖² / ‖τ_t|S_t‖² in the hot channels S_t of expert t',
    chance: 'N − 1 if all changed alike',
    source: '"No task vector is an island" (2026)',
  },
};

type MergeMetricKey = Exclude<keyof MergeAccounting, 'non_finite' | 'updated_coordinates' | 'removed' | 'density'>;

export const MERGE_METRICS: { readonly [K in MergeMetricKey]: Metric } = {
  rounding_survival: {
    label: 'rounding survival',
    unit: 'share',
    formula: '#{written ≠ base} / #{Δ ≠ 0}, Δ the merged change in float32',
    chance: '100 %: nothing lost',
    source: 'own, docs/geometry.md',
  },
  lost_to_rounding: {
    label: 'lost to rounding',
    unit: 'count',
    formula: '#{Δ ≠ 0 and written = base}',
    chance: '0',
    source: 'own, docs/geometry.md',
  },
  norm_ratio: {
    label: 'norm ratio',
    unit: 'ratio',
    formula: '‖Δ̃‖ / mean ‖τᵢ‖, Δ̃ the change as written',
    chance: 'λ√N for a sum of N orthogonal experts of equal length',
    source: 'own, docs/geometry.md',
  },
  delta_norm: { label: 'norm of Δ', unit: 'measure', formula: '‖Δ‖₂', chance: '', source: 'definition' },
  delta_norm_after_rounding: {
    label: 'norm after rounding',
    unit: 'measure',
    formula: '‖Δ̃‖₂',
    chance: '',
    source: 'definition',
  },
  retained_projection: {
    label: 'retained',
    unit: 'ratio',
    formula: '⟨τᵢ,Δ⟩ / ‖τᵢ‖²',
    chance: '1: fully kept; 1/N for an average of orthogonal experts',
    source: 'arXiv 2608.27409',
  },
  retained_projection_after_rounding: {
    label: 'retained, as written',
    unit: 'ratio',
    formula: '⟨τᵢ,Δ̃⟩ / ‖τᵢ‖²',
    chance: 'as before rounding',
    source: 'own, docs/geometry.md',
  },
  direction_retention: {
    label: 'direction kept',
    unit: 'ratio',
    formula: 'cos(τᵢ, Δ̃)',
    chance: '1/√N for N orthogonal experts of equal length',
    source: '"No task vector is an island" (2026)',
  },
};

/** What a merge did not take over of an expert. */
export const REMOVED_METRICS: { readonly [K in keyof RemovedShares]: Metric } = {
  trimmed: {
    label: 'trimmed',
    unit: 'share',
    formula: 'Σ τᵢ² where trimming or dropping set it to 0, over ‖τᵢ‖²',
    chance: '0 % without trimming; 1 − density for random dropping',
    source: 'TIES, arXiv 2306.01708',
  },
  outvoted: {
    label: 'outvoted',
    unit: 'share',
    formula: 'Σ τᵢ² where it was kept and Δ points the other way, over ‖τᵢ‖²',
    chance: 'up to 50 % where signs are independent',
    source: 'TIES, arXiv 2306.01708',
  },
  cancelled: {
    label: 'cancelled',
    unit: 'share',
    formula: 'Σ τᵢ² where it was kept and Δ = 0, over ‖τᵢ‖²',
    chance: '0 % without conflict',
    source: 'own, docs/geometry.md',
  },
};

/** All numbers of a report, as its definitions list them. */
export const METRIC_GROUPS: readonly (readonly [title: string, metrics: Readonly<Record<string, Metric>>])[] = [
  ['Of an expert', EXPERT_METRICS],
  ['Of a pair', PAIR_METRICS],
  [
    'Of the group',
    { ...SCOPE_METRICS, hotspot_jaccard: HOTSPOT_METRICS.jaccard, incoming_energy: HOTSPOT_METRICS.incoming_energy },
  ],
  ['Of spectra', { ...SPECTRAL_EXPERT_METRICS, ...SPECTRAL_PAIR_METRICS }],
  ['Of a merge', { ...MERGE_METRICS, ...REMOVED_METRICS }],
];
