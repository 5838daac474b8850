/**
 * The geometry of a group of experts around their base, as typed data: what `geometry.json` holds and every rendering
 * shows. Task vector τᵢ = expert i − base, on stored values, in float64. `null` stands for a value that does not exist
 * (0/0: no change, no overlap). Counts are of elements. docs/geometry.md has the equations, nulls and sources.
 */

/** Version of this shape; it grows when a field changes its meaning or goes, not when one is added. */
export const GEOMETRY_VERSION = 1;

/** Classes of |τ| in units in the last place of the base value: up to ½, 1, 2, 3–4, 5–8, …, above 2^12. */
export const ULP_CLASSES = 15;

/** One expert within a scope. */
export interface ExpertGeometry {
  /** Share of elements whose bit patterns differ from the base. */
  readonly changed_fraction: number;
  /** Share with |τ| > 1e-3·max(|base|, |expert|) (arXiv 2511.08567; the same as bits for bf16). */
  readonly changed_fraction_relative: number;
  /** Share with |τ| > 1e-5 (RAM, arXiv 2601.13572). */
  readonly changed_fraction_absolute: number;
  /** ‖τ‖₂. */
  readonly norm: number;
  /** ‖τ‖₂ / ‖base‖₂. */
  readonly relative_norm: number | null;
  readonly max_abs: number;
  /** The scope's share of ‖τ‖² over its share of parameters (arXiv 2608.27409); 1 everywhere when spread evenly. */
  readonly displacement_ratio: number | null;
  /** Share of ‖τ‖² in the 1 % and 20 % of the scope's elements that changed most. */
  readonly energy_top_1_percent: number | null;
  readonly energy_top_20_percent: number | null;
  /** Changed share among the half of the elements with the smallest |base|, over the changed share of all. */
  readonly low_magnitude_lift: number | null;
  /** Changed elements by |τ| in units in the last place of the base value, see ULP_CLASSES. */
  readonly ulp_histogram: readonly number[];
  /** Elements that only this expert changed, and that others changed too. */
  readonly unique: number;
  readonly shared: number;
}

/** Two experts within a scope; keys are `first|second` in recipe order. */
export interface PairGeometry {
  readonly dot: number;
  /** ⟨τᵢ,τⱼ⟩ / ‖τᵢ‖‖τⱼ‖ over the whole scope. */
  readonly cosine: number | null;
  /** Στᵢτⱼ / √Σ(τᵢτⱼ)²: standard deviations from 0 if signs were random. */
  readonly sign_flip_z: number | null;
  /** Changed by both over changed by either. */
  readonly jaccard: number | null;
  /** The same if changes were independent, and if they were independent within each exponent of the base value. */
  readonly jaccard_null_independent: number | null;
  readonly jaccard_null_exponent: number | null;
  /** jaccard / jaccard_null_exponent: 1 means no shared footprint beyond what bf16 shows. */
  readonly jaccard_lift: number | null;
  /** Elements both changed, and the share of them with opposite signs (½ when independent). */
  readonly overlap: number;
  readonly sign_conflict_on_overlap: number | null;
  /** Cosine with both vectors restricted to the overlap. */
  readonly cosine_on_overlap: number | null;
  /** ‖τᵢ − τⱼ‖₂ and ‖τᵢ‖ / ‖τⱼ‖. */
  readonly distance: number;
  readonly norm_ratio: number | null;
}

/** Channels of the MLP of a layer: rows of gate and up projections, columns of the down projection. */
export interface HotspotGeometry {
  /** Channels of the layer: hidden units of its MLP, of all experts of a MoE. */
  readonly channels: number;
  /** Jaccard of the 10 % of channels with most update energy, by pair; the null for independent choice is 1/19. */
  readonly jaccard: Readonly<Record<string, number | null>>;
  /** Energy of all other experts in an expert's own hot channels over its own energy there, by expert. */
  readonly incoming_energy: Readonly<Record<string, number | null>>;
}

/** Spectra of an expert over the matrices of a scope. W is the expert, τ its task vector. */
export interface SpectralExpert {
  /** Σ‖τ‖² / Σσ₁(τ)²: how many directions as strong as the first the updates fill. */
  readonly stable_rank: number | null;
  /** Σσ₁(τ)² / Σ‖τ‖², and the same of the eight largest. */
  readonly head_share: number | null;
  readonly leading_share: number | null;
  /** √(ΣΣ(σᵢ(W) − σᵢ(base))² / ΣΣσᵢ(base)²) over the eight largest singular values (arXiv 2511.08567). */
  readonly spectral_shift: number | null;
  /** Largest principal angle (radians) between the eight leading left, right singular directions of base and W. */
  readonly left_angle: number | null;
  readonly right_angle: number | null;
}

/** Two experts: cosines of the rank-one heads of their task vectors, and of what is left without them. */
export interface SpectralPair {
  readonly head_cosine: number | null;
  readonly tail_cosine: number | null;
}

export interface SpectralGeometry {
  /** Matrices of the scope that were analysed: those with more than 16 rows and columns that some expert changed. */
  readonly matrices: number;
  readonly experts: Readonly<Record<string, SpectralExpert>>;
  readonly pairs: Readonly<Record<string, SpectralPair>>;
}

/** A set of elements: the whole model, a layer, a kind of module, or one tensor. */
export interface ScopeGeometry {
  readonly parameters: number;
  readonly base_norm: number;
  readonly experts: Readonly<Record<string, ExpertGeometry>>;
  readonly pairs: Readonly<Record<string, PairGeometry>>;
  /** Elements changed by exactly 0, 1, …, N experts. */
  readonly changed_by_k: readonly number[];
  /** Share of the elements changed by two or more whose changes add up to exactly 0. */
  readonly exact_cancellation_on_overlap: number | null;
  /** Σ min(P,N) / Σ (P+N), P and N the positive and negative mass at each element. */
  readonly conflict_mass: number | null;
  /** Layers with an MLP only. */
  readonly hotspots?: HotspotGeometry;
  /** When asked for, where the scope has matrices that were changed. */
  readonly spectral?: SpectralGeometry;
}

/** Shares of ‖τᵢ‖² that a merge did not take over; the rest went along with Δ. Null when the expert changed nothing. */
export interface RemovedShares {
  /** Set to 0 by trimming or dropping. */
  readonly trimmed: number | null;
  /** Kept, but Δ points the other way there: the vote was lost, or the others outweigh it. */
  readonly outvoted: number | null;
  /** Kept, but Δ is 0 there: opposing changes cancel. */
  readonly cancelled: number | null;
}

/**
 * What a merge made of the experts. Δ is the merged change in f32, Δ̃ the change that the written model shows against
 * the base in the dtype of the output.
 */
export interface MergeAccount {
  /** Elements with Δ ≠ 0, how many of them are written equal to the base, and the share that is not. */
  readonly updated_coordinates: number;
  readonly lost_to_rounding: number;
  readonly rounding_survival: number | null;
  readonly delta_norm: number;
  readonly delta_norm_after_rounding: number;
  /** ⟨τᵢ,Δ⟩/‖τᵢ‖² by expert: 1 means fully kept. */
  readonly retained_projection: Readonly<Record<string, number | null>>;
  readonly retained_projection_after_rounding: Readonly<Record<string, number | null>>;
  /** cos(τᵢ, Δ̃) by expert. */
  readonly direction_retention: Readonly<Record<string, number | null>>;
  /** ‖Δ̃‖ / mean ‖τᵢ‖. */
  readonly norm_ratio: number | null;
  /** NaN and infinite values written. */
  readonly non_finite: number;
}

/** The account of a merge, with what it took away. */
export interface MergeAccounting extends MergeAccount {
  /** What became of each expert's ‖τᵢ‖², as shares of it. */
  readonly removed: Readonly<Record<string, RemovedShares>>;
  /** Share of elements to keep that was asked for, by expert; the mean over elements where it varies. */
  readonly density?: Readonly<Record<string, number>>;
}

export type FindingLevel = 'problem' | 'warning' | 'note';

/** Something to act on, with its evidence. */
export interface Finding {
  /** Stable identifier, as `rounding-survival`. */
  readonly code: string;
  readonly level: FindingLevel;
  /** What was found, in one sentence. */
  readonly title: string;
  /** The numbers behind it. */
  readonly evidence: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Cosines after a random projection, as M2RL (arXiv 2602.12566) takes them; the exact ones are in `pairs`. */
export interface ProjectionGeometry {
  readonly dimensions: number;
  /** 1/√dimensions: what a cosine of orthogonal vectors is off by. */
  readonly standard_error: number;
  readonly cosine: Readonly<Record<string, number | null>>;
}

export interface GeometryResult {
  readonly version: typeof GEOMETRY_VERSION;
  readonly tool: string;
  readonly base: string;
  readonly experts: readonly string[];
  readonly findings: readonly Finding[];
  readonly global: ScopeGeometry;
  /** By layer number (`0`, `1`, …); of the stack with most elements (the language model) when there are several. */
  readonly layers: Readonly<Record<string, ScopeGeometry>>;
  /** By kind: q, k, v, o, gate, up, down, norm, embed, head, router, other. */
  readonly modules: Readonly<Record<string, ScopeGeometry>>;
  /** By name. Objects are made when they are looked at: hold on to one that is needed more than once. */
  readonly tensors: Readonly<Record<string, ScopeGeometry>>;
  /** Tensors that an expert did not change at all, by expert. */
  readonly untouched: Readonly<Record<string, readonly string[]>>;
  /** Tensors that are in none of these numbers, each with the experts that have no part in it; absent without any. */
  readonly left_out?: Readonly<Record<string, readonly string[]>>;
  /** When asked for. */
  readonly projection?: ProjectionGeometry;
  /** By `<method> -> <dtype>`; empty when nothing was merged. */
  readonly merge_accounting: Readonly<Record<string, MergeAccounting>>;
}
