/** Where a number becomes a finding, each with its reason. A finding is made strictly beyond the value. */

/**
 * Changed share above which an update does not look like RL: RL leaves 36–92 % of bf16 weights alone, SFT 0.6–18.8 %
 * (arXiv 2511.08567). Taken with the relative tolerance, which is the bit comparison for bf16 and, unlike it, still
 * tells something for float32, where RL too changes nearly all bits.
 */
export const RL_CHANGED_FRACTION_LIMIT = 0.9;
/**
 * ‖τ‖/‖base‖ above which an update does not look like RL: 400 Adam steps at 2e-6 (M2RL), all in one direction, move
 * weights of RMS 0.02 by 4 %; SFT updates are about 30 times as long as RL updates (arXiv 2605.00610).
 */
export const RL_RELATIVE_NORM_LIMIT = 0.05;
/** ‖τ‖/‖base‖ above which the base is another model: unrelated weights of equal norm give √2 ≈ 1.4. */
export const SAME_MODEL_RELATIVE_NORM_LIMIT = 0.5;
/** Cosine above which two long updates are mostly one update: their mean keeps ≥ 95 % of the energy of each. */
export const COMMON_UPDATE_COSINE = 0.9;
/** Rounding survival below which a tenth of the merge's updates is lost (rlvr survey: averages lose 50–75 %). */
export const ROUNDING_SURVIVAL_LIMIT = 0.9;
/** Share of changes of at most one unit in the last place above which an average loses most of what one expert did. */
export const ONE_ULP_SHARE_LIMIT = 0.5;
/** ‖Δ̃‖ / mean ‖τ‖ above which a merge goes further than any expert was trained to go. */
export const NORM_RATIO_LIMIT = 1.5;
/**
 * Sign conflict and Jaccard lift of independent updates are 0.5 and 1. Above the upper conflict two oppose each other,
 * and the sum of their signs decides nothing by chance.
 */
export const COIN_FLIP_CONFLICT = 0.45;
export const COIN_FLIP_CONFLICT_MOST = 0.55;
export const COIN_FLIP_LIFT = 1.1;
/** Elements below which a conflict share is noise: the standard error at 1000 is 0.016, a third of 0.5 − 0.45. */
export const COIN_FLIP_OVERLAP_ELEMENTS = 1000;
/**
 * Size of a cosine that a merge must reckon with: at +½ a sum of two is √3 instead of √2 times as long as one, at −½
 * it is no longer than one. RL experts of different domains are at 0.000–0.051 (arXiv 2608.27409).
 */
export const STRONG_COSINE = 0.5;
/** ‖Στ‖ / mean ‖τ‖ below which experts cancel and what is left of their sum is hardly more than rounding. */
export const CANCELLED_SUM_LIMIT = 0.01;
/**
 * Share of ‖τ‖² removed below which trimming did nothing, though a density below 1 was asked for: what is kept of the
 * elements is more than were changed. Random dropping removes 1 − density.
 */
export const IDLE_TRIMMING_SHARE = 0.001;
