/** Meaning of the spectral numbers, as in geometry-metrics.ts, and their tables as cells. */
import { expertPairs } from '../geometry/expert-pairs.js';
import type { SpectralExpert, SpectralGeometry, SpectralPair } from '../geometry/result.js';
import { formatMetric, type Metric } from './geometry-metrics.js';

export const SPECTRAL_EXPERT_METRICS: { readonly [K in keyof SpectralExpert]: Metric } = {
  stable_rank: {
    label: 'stable rank',
    unit: 'score',
    formula: 'Σ‖τ‖² / Σσ₁(τ)² over the matrices of the scope',
    chance: 'RL: high, updates are nearly full rank',
    source: 'ResMerge, arXiv 2606.02252; 2505.11711',
  },
  head_share: {
    label: 'head share',
    unit: 'share',
    formula: 'Σσ₁(τ)² / Σ‖τ‖²',
    chance: 'about (√m+√n)²/mn for noise of m × n',
    source: 'ResMerge, arXiv 2606.02252',
  },
  leading_share: {
    label: 'leading 8',
    unit: 'share',
    formula: 'Σ of the eight largest σ(τ)² / Σ‖τ‖²',
    chance: '8 heads of noise',
    source: '"No task vector is an island" (2026)',
  },
  spectral_shift: {
    label: 'spectral shift',
    unit: 'measure',
    formula: '‖σ(W) − σ(base)‖ / ‖σ(base)‖ over the eight largest',
    chance: 'RL: 1e-5 to 6e-5, SFT: about 0.1',
    source: 'arXiv 2511.08567',
  },
  left_angle: {
    label: 'left angle',
    unit: 'measure',
    formula:
      'largest principal angle of the eight leading left singular directions of base and W, radians; the largest of the scope',
    chance: 'RL: small; π/2 where they have a direction not in common',
    source: 'arXiv 2511.08567',
  },
  right_angle: {
    label: 'right angle',
    unit: 'measure',
    formula: 'the same of the right singular directions',
    chance: 'as the left angle',
    source: 'arXiv 2511.08567',
  },
};

export const SPECTRAL_PAIR_METRICS: { readonly [K in keyof SpectralPair]: Metric } = {
  head_cosine: {
    label: 'head cosine (1e-3)',
    unit: 'milli',
    formula: 'cosine of the rank-one heads σ₁u₁v₁ᵀ of both task vectors',
    chance: '0 for unrelated heads',
    chanceValue: 0,
    source: 'ResMerge, arXiv 2606.02252',
  },
  tail_cosine: {
    label: 'tail cosine (1e-3)',
    unit: 'milli',
    formula: 'cosine of what is left without the heads',
    chance: '0 for unrelated tails',
    chanceValue: 0,
    source: 'ResMerge, arXiv 2606.02252',
  },
};

/** Keys of both in the order of the tables. */
export const SPECTRAL_EXPERT_KEYS = Object.keys(SPECTRAL_EXPERT_METRICS) as (keyof SpectralExpert)[];
export const SPECTRAL_PAIR_KEYS = Object.keys(SPECTRAL_PAIR_METRICS) as (keyof SpectralPair)[];

/** Heads of the table of experts and rows of it, each beginning with a name. */
export function spectralExpertTable({ experts }: SpectralGeometry, names: readonly string[]) {
  return {
    header: SPECTRAL_EXPERT_KEYS.map((key) => SPECTRAL_EXPERT_METRICS[key].label),
    rows: names.map((name) => [
      name,
      ...SPECTRAL_EXPERT_KEYS.map((key) => formatMetric(SPECTRAL_EXPERT_METRICS[key].unit, experts[name]?.[key])),
    ]),
  };
}

/** The same of pairs; rows begin with both names. */
export function spectralPairTable({ pairs }: SpectralGeometry, names: readonly string[]) {
  return {
    header: SPECTRAL_PAIR_KEYS.map((key) => SPECTRAL_PAIR_METRICS[key].label),
    rows: expertPairs(names).map(({ key: pair, first, second }) => ({
      first,
      second,
      cells: SPECTRAL_PAIR_KEYS.map((key) => formatMetric(SPECTRAL_PAIR_METRICS[key].unit, pairs[pair]?.[key])),
    })),
  };
}
