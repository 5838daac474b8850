/** What each number of a geometry report means: its label, formula, the value expected by chance, and its source. */
import { formatCount, formatMeasure, formatMilli, formatShare, NO_VALUE } from '../geometry/number-text.js';
import type { ExpertGeometry, PairGeometry } from '../geometry/result.js';

/** How a value is shown: percent, three digits, 1e-3 units with sign, two decimals, one decimal, whole number. */
export type MetricUnit = 'share' | 'measure' | 'milli' | 'ratio' | 'score' | 'count';

export interface Metric {
  readonly label: string;
  readonly unit: MetricUnit;
  readonly formula: string;
  /** Its value for unrelated or evenly spread updates, in words; empty where there is none. */
  readonly chance: string;
  /** That value as a number, for reference lines; absent where it depends on the data. */
  readonly chanceValue?: number;
  readonly source: string;
}

type Numeric<T> = { [K in keyof T]-?: T[K] extends number | null ? K : never }[keyof T];
export type ExpertMetricKey = Numeric<ExpertGeometry>;
export type PairMetricKey = Numeric<PairGeometry>;
export type ScopeMetricKey = 'changed_by_k' | 'exact_cancellation_on_overlap' | 'conflict_mass';

export const EXPERT_METRICS: { readonly [K in ExpertMetricKey]: Metric } = {
  changed_fraction: {
    label: 'changed',
    unit: 'share',
    formula: '#{bits of expert ≠ bits of base} / n',
    chance: 'RL in bf16: 8–64 %, SFT: 81–99 %',
    source: 'arXiv 2505.11711, 2511.08567',
  },
  changed_fraction_relative: {
    label: 'changed, relative',
    unit: 'share',
    formula: '#{|τ| > 1e-3·max(|base|, |expert|)} / n',
    chance: 'the same as bits for bf16',
    source: 'arXiv 2511.08567, M2RL 2602.12566',
  },
  changed_fraction_absolute: {
    label: 'changed, absolute',
    unit: 'share',
    formula: '#{|τ| > 1e-5} / n',
    chance: '',
    source: 'RAM, arXiv 2601.13572',
  },
  norm: { label: 'norm', unit: 'measure', formula: '‖τ‖₂, τ = expert − base', chance: '', source: 'definition' },
  relative_norm: {
    label: 'relative norm',
    unit: 'measure',
    formula: '‖τ‖₂ / ‖base‖₂',
    chance: 'RL: below 0.05; unrelated models: about 1.4',
    source: 'arXiv 2605.00610',
  },
  max_abs: { label: 'largest change', unit: 'measure', formula: 'max |τ|', chance: '', source: 'definition' },
  displacement_ratio: {
    label: 'displacement ratio',
    unit: 'ratio',
    formula: '(‖τ_S‖² / ‖τ‖²) / (n_S / n) for a scope S',
    chance: '1: spread evenly',
    chanceValue: 1,
    source: 'arXiv 2608.27409',
  },
  energy_top_1_percent: {
    label: 'energy in top 1 %',
    unit: 'share',
    formula: 'share of ‖τ‖² in the 1 % of elements with the largest |τ|',
    chance: '1 % if all changes were equal',
    chanceValue: 0.01,
    source: 'after TIES, arXiv 2306.01708',
  },
  energy_top_20_percent: {
    label: 'energy in top 20 %',
    unit: 'share',
    formula: 'share of ‖τ‖² in the 20 % of elements with the largest |τ|: what TIES trimming keeps',
    chance: '20 % if all changes were equal',
    chanceValue: 0.2,
    source: 'after TIES, arXiv 2306.01708',
  },
  low_magnitude_lift: {
    label: 'low-magnitude lift',
    unit: 'ratio',
    formula: 'changed share in the half of elements with the smallest |base| / changed share',
    chance: '1; bf16 alone lifts it, since small values have finer steps',
    chanceValue: 1,
    source: 'arXiv 2511.08567',
  },
  unique: {
    label: 'unique',
    unit: 'count',
    formula: 'elements that only this expert changed',
    chance: '',
    source: 'RAM, arXiv 2601.13572',
  },
  shared: {
    label: 'shared',
    unit: 'count',
    formula: 'elements that this and another expert changed',
    chance: '',
    source: 'RAM, arXiv 2601.13572',
  },
};

export const PAIR_METRICS: { readonly [K in PairMetricKey]: Metric } = {
  cosine: {
    label: 'cosine (1e-3)',
    unit: 'milli',
    formula: '⟨τᵢ,τⱼ⟩ / ‖τᵢ‖‖τⱼ‖, exact, in units of 1e-3',
    chance: '0; its significance is z',
    chanceValue: 0,
    source: 'arXiv 2608.27409',
  },
  sign_flip_z: {
    label: 'z of cosine',
    unit: 'score',
    formula: 'Στᵢτⱼ / √Σ(τᵢτⱼ)²',
    chance: '0 ± 1 if signs were random',
    chanceValue: 0,
    source: 'sign-flip test on the exact dot product',
  },
  jaccard: {
    label: 'Jaccard',
    unit: 'measure',
    formula: '|Mᵢ∩Mⱼ| / |Mᵢ∪Mⱼ| of the changed elements M',
    chance: 'see the two nulls',
    source: 'M2RL, arXiv 2602.12566',
  },
  jaccard_null_independent: {
    label: 'null: independent',
    unit: 'measure',
    formula: 'pq / (p + q − pq) from the changed shares p, q',
    chance: 'too low for bf16, which shows changes on small weights only',
    source: 'M2RL, arXiv 2602.12566',
  },
  jaccard_null_exponent: {
    label: 'null: by exponent',
    unit: 'measure',
    formula: 'the same with p, q for each exponent e of the base value: overlap Σ cᵢₑcⱼₑ/nₑ',
    chance: 'what bf16 alone explains',
    source: 'own, docs/geometry.md',
  },
  jaccard_lift: {
    label: 'Jaccard lift',
    unit: 'ratio',
    formula: 'Jaccard / null by exponent',
    chance: '1: no shared footprint beyond what bf16 shows',
    chanceValue: 1,
    source: 'own, docs/geometry.md',
  },
  overlap: {
    label: 'overlap',
    unit: 'count',
    formula: '|Mᵢ∩Mⱼ|, elements that both changed',
    chance: '',
    source: 'definition',
  },
  sign_conflict_on_overlap: {
    label: 'sign conflict',
    unit: 'share',
    formula: '#{sign τᵢ ≠ sign τⱼ on Mᵢ∩Mⱼ} / |Mᵢ∩Mⱼ|',
    chance: '50 %: independent signs',
    chanceValue: 0.5,
    source: 'TIES, arXiv 2306.01708',
  },
  cosine_on_overlap: {
    label: 'cosine on overlap (1e-3)',
    unit: 'milli',
    formula: 'the cosine with both restricted to Mᵢ∩Mⱼ, in units of 1e-3',
    chance: '0',
    chanceValue: 0,
    source: 'M2RL, arXiv 2602.12566',
  },
  distance: { label: 'distance', unit: 'measure', formula: '‖τᵢ − τⱼ‖₂', chance: '', source: 'arXiv 2601.22285' },
  norm_ratio: {
    label: 'norm ratio',
    unit: 'ratio',
    formula: '‖τᵢ‖ / ‖τⱼ‖',
    chance: '1: equal length',
    chanceValue: 1,
    source: 'arXiv 2601.22285',
  },
  dot: { label: 'dot product', unit: 'measure', formula: '⟨τᵢ,τⱼ⟩', chance: '0', chanceValue: 0, source: 'definition' },
};

/** A value of this unit as text; `–` where none exists. */
export function formatMetric(unit: MetricUnit, value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NO_VALUE;
  switch (unit) {
    case 'share':
      return formatShare(value);
    case 'measure':
      return formatMeasure(value);
    case 'milli':
      return formatMilli(value);
    case 'ratio':
      return withoutNegativeZero(value.toFixed(2));
    case 'score':
      return withoutNegativeZero(value.toFixed(1));
    case 'count':
      return formatCount(value);
  }
}

const withoutNegativeZero = (text: string): string => (Number(text) === 0 ? text.replace('-', '') : text);
