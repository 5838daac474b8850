/**
 * What to act on in a measured group: numbers in, findings out. A finding is made only where a number crosses one of
 * finding-thresholds.ts; what could only be guessed is left out, so no findings is a valid answer.
 */
import { compareUtf8 } from '../checkpoint/order.js';
import { type ExpertPair, expertPairs } from './expert-pairs.js';
import {
  CANCELLED_SUM_LIMIT,
  COIN_FLIP_CONFLICT,
  COIN_FLIP_CONFLICT_MOST,
  COIN_FLIP_LIFT,
  COIN_FLIP_OVERLAP_ELEMENTS,
  COMMON_UPDATE_COSINE,
  ONE_ULP_SHARE_LIMIT,
  RL_CHANGED_FRACTION_LIMIT,
  RL_RELATIVE_NORM_LIMIT,
  SAME_MODEL_RELATIVE_NORM_LIMIT,
  STRONG_COSINE,
} from './finding-thresholds.js';
import { judgeMerge } from './findings-of-merge.js';
import { formatCount, formatMeasure, formatMilli, formatShare } from './number-text.js';
import type { ExpertGeometry, Finding, FindingLevel, GeometryResult, PairGeometry, ScopeGeometry } from './result.js';

/** Every number of a result: what findings are drawn from. */
export type MeasuredGeometry = Omit<GeometryResult, 'findings'>;

const LEVEL_ORDER: readonly FindingLevel[] = ['problem', 'warning', 'note'];

/** Items that an evidence text names; the rest is counted. */
const NAMED_ITEMS = 4;

interface MeasuredExpert extends ExpertGeometry {
  readonly name: string;
}

type MeasuredPair = ExpertPair & PairGeometry;

/** Findings by level (problem, warning, note), then code, then recipe order. Pure: same numbers, same findings. */
export function findFindings(result: MeasuredGeometry): Finding[] {
  const experts = result.experts.flatMap((name): MeasuredExpert[] => {
    const numbers = result.global.experts[name];
    return numbers === undefined ? [] : [{ name, ...numbers }];
  });
  const pairs = expertPairs(result.experts).flatMap((pair): MeasuredPair[] => {
    const numbers = result.global.pairs[pair.key];
    return numbers === undefined ? [] : [{ ...pair, ...numbers }];
  });
  const merges = Object.entries(result.merge_accounting);
  const changed = Object.fromEntries(experts.map((expert) => [expert.name, expert.changed_fraction]));
  const findings = [
    ...judgeNonFinite(result, experts, merges.length > 0),
    ...experts.flatMap(judgeExpert),
    ...judgePairs(pairs, experts),
    // A merge shows what rounding really does; before one, the size of the steps is the best evidence.
    ...(merges.length === 0 ? judgeSmallSteps(experts) : []),
    ...judgeScale(experts, pairs),
    ...judgeUntouched(result),
    ...judgeLeftOut(result),
    ...merges.flatMap(([merge, accounting]) => judgeMerge(merge, accounting, changed)),
  ];
  const rank = ({ level }: Finding): number => LEVEL_ORDER.indexOf(level);
  return findings.sort((a, b) => rank(a) - rank(b) || compareUtf8(a.code, b.code));
}

/** NaN and infinite values: of the base, whose differences tell nothing of the experts then, else of experts. */
function judgeNonFinite(
  { base, global, tensors }: MeasuredGeometry,
  experts: readonly MeasuredExpert[],
  isMerged: boolean,
): Finding[] {
  const found = (name: string, normIn: (scope: ScopeGeometry) => number): Finding[] => {
    const where = tensorsWithoutNorm(tensors, normIn);
    return finding('non-finite-input', 'problem', `${name} has NaN or infinite values`, {
      evidence: where.length > 0 ? `in ${listed(countPatterns(where))}` : 'a norm is not a finite number',
      advice: 'Fetch the checkpoint again or leave it out; such values spread into every merge.',
    });
  };
  const areFinite = experts.every(({ norm }) => Number.isFinite(norm));
  if (global.base_norm === Number.POSITIVE_INFINITY && areFinite)
    // What a merge wrote counts them too, and speaks for itself.
    return isMerged ? [] : judgeInfinities(base, tensors);
  if (!Number.isFinite(global.base_norm)) return found(base, (scope) => scope.base_norm);
  return experts
    .filter(({ norm }) => !Number.isFinite(norm))
    .flatMap(({ name }) => found(name, (scope) => scope.experts[name]!.norm));
}

/** Names of the tensors whose norm is no finite number. */
function tensorsWithoutNorm(tensors: MeasuredGeometry['tensors'], normIn: (scope: ScopeGeometry) => number): string[] {
  return Object.keys(tensors).filter((tensor) => !Number.isFinite(normIn(tensors[tensor]!)));
}

/** Infinities of the base that no expert changed, as in masks that are stored. */
function judgeInfinities(base: string, tensors: MeasuredGeometry['tensors']): Finding[] {
  const where = tensorsWithoutNorm(tensors, (scope) => scope.base_norm);
  return finding('shared-infinities', 'note', `${base} has infinite values that no expert changed`, {
    evidence: `in ${listed(countPatterns(where))}`,
    advice: 'They stay as they are in a merge. What is relative to the norm of the base is unknown where they are.',
  });
}

function judgeExpert(expert: MeasuredExpert): Finding[] {
  const { name, norm, relative_norm: relativeNorm, changed_fraction_relative: changed } = expert;
  if (!Number.isFinite(norm)) return [];
  if (expert.changed_fraction === 0) {
    return finding('unchanged-expert', 'warning', `${name} is as the base in all that was measured`, {
      evidence: 'no element differs in the tensors and rows that all models have',
      advice: 'Check its path; where that is all, it only dilutes an average.',
    });
  }
  const evidence =
    `changed share ${formatShare(changed)} (RL in bf16: 8 to 64 %), ` +
    `relative norm ${formatMeasure(relativeNorm)} (RL: below ${RL_RELATIVE_NORM_LIMIT})`;
  if ((relativeNorm ?? 0) > SAME_MODEL_RELATIVE_NORM_LIMIT) {
    return finding('wrong-base', 'problem', `${name} was not trained from this base`, {
      evidence,
      advice:
        'Name the checkpoint that its training started from as base: a difference of unrelated models is no update.',
    });
  }
  if (changed <= RL_CHANGED_FRACTION_LIMIT && (relativeNorm ?? 0) <= RL_RELATIVE_NORM_LIMIT) return [];
  return finding('not-rl-trained', 'warning', `${name} does not look RL-trained from this base`, {
    evidence,
    advice:
      'Check the base: RL often starts from an SFT or instruct checkpoint, not from the pretrained one. ' +
      'If the base is right, this is a fine-tune of another kind and outweighs RL experts in a merge.',
  });
}

function judgePairs(pairs: readonly MeasuredPair[], experts: readonly MeasuredExpert[]): Finding[] {
  // Rounding leaves nothing of a distance that is small beside what two have in common; other numbers still tell them apart.
  const numbersOf = new Map(experts.map(({ name, ...numbers }) => [name, JSON.stringify(numbers)]));
  const identical = pairs.filter(
    ({ first, second, distance, jaccard, norm_ratio: ratio }) =>
      distance === 0 && jaccard === 1 && ratio === 1 && numbersOf.get(first) === numbersOf.get(second),
  );
  const distinct = pairs.filter((pair) => !identical.includes(pair));
  const dense = new Set(
    experts.filter((expert) => expert.changed_fraction_relative > RL_CHANGED_FRACTION_LIMIT).map(({ name }) => name),
  );
  const oneUpdate = distinct.filter(
    ({ first, second, cosine }) => dense.has(first) && dense.has(second) && (cosine ?? 0) > COMMON_UPDATE_COSINE,
  );
  const aligned = distinct.filter((pair) => !oneUpdate.includes(pair) && (pair.cosine ?? 0) > STRONG_COSINE);
  const opposed = distinct.filter(({ cosine }) => (cosine ?? 0) < -STRONG_COSINE);
  const cosine = (pair: MeasuredPair): string => `cosine ${formatMilli(pair.cosine)}e-3`;
  return [
    ...overPairs(identical, 'identical-experts', 'warning', 'the same model in all that was measured', {
      evidence: () => 'distance 0, and all numbers of both are the same',
      advice: 'Check the paths: a model that is listed twice counts twice.',
    }),
    ...overPairs(oneUpdate, 'common-ancestor', 'problem', 'nearly one and the same large update', {
      evidence: cosine,
      advice:
        'They share a training stage after this base. Name their last common checkpoint (often the SFT model) as base, ' +
        'or a merge adds that stage once for each of them.',
    }),
    ...overPairs(aligned, 'aligned-pairs', 'note', 'strongly aligned', {
      evidence: cosine,
      advice: 'A sum counts what they share twice: lower λ or their weights, or merge only one of them.',
    }),
    ...overPairs(opposed, 'opposed-pairs', 'warning', 'strongly opposed', {
      evidence: cosine,
      advice: 'What a merge keeps of one it takes from the other: choose one, or weight them by what matters more.',
    }),
    ...judgeElections(distinct.filter((pair) => ![oneUpdate, aligned, opposed].some((told) => told.includes(pair)))),
  ];
}

function judgeElections(pairs: readonly MeasuredPair[]): Finding[] {
  const undecided = pairs.filter(
    ({ sign_conflict_on_overlap: conflict, jaccard_lift: lift, overlap }) =>
      overlap >= COIN_FLIP_OVERLAP_ELEMENTS &&
      conflict !== null &&
      conflict > COIN_FLIP_CONFLICT &&
      conflict < COIN_FLIP_CONFLICT_MOST &&
      lift !== null &&
      lift < COIN_FLIP_LIFT,
  );
  return overPairs(
    undecided,
    'coin-flip-election',
    'warning',
    'about as often opposed as agreed, so a sign election between them is a coin flip',
    {
      evidence: (pair) =>
        `sign conflict ${formatShare(pair.sign_conflict_on_overlap)} of ${formatCount(pair.overlap)}, ` +
        `lift ${formatMeasure(pair.jaccard_lift)}`,
      advice:
        'Where both changed an element, TIES keeps one of two opposed changes by its size, not by agreement. ' +
        'Updates that are nearly orthogonal can also be added without an election (task arithmetic).',
    },
  );
}

function judgeSmallSteps(experts: readonly MeasuredExpert[]): Finding[] {
  if (experts.length < 2) return [];
  const small = experts.flatMap(({ name, ulp_histogram: classes }) => {
    const changed = classes.reduce((sum, count) => sum + count, 0);
    // Classes 0 and 1: up to half a step, and one step.
    const share = ((classes[0] ?? 0) + (classes[1] ?? 0)) / changed;
    return share > ONE_ULP_SHARE_LIMIT ? [`${name} ${formatShare(share)}`] : [];
  });
  if (small.length === 0) return [];
  return finding('one-ulp-changes', 'note', 'Most changes are of one step of the stored dtype', {
    evidence: `changes of at most 1 ULP: ${listed(small)}`,
    advice:
      `An average of ${experts.length} in the same dtype rounds back to the base ` +
      // Half a step goes to the even neighbour.
      `${experts.length === 2 ? 'about half of what' : 'wherever'} only one of them changed. ` +
      'Use λ near 1, or write float32.',
  });
}

function judgeScale(all: readonly MeasuredExpert[], pairs: readonly MeasuredPair[]): Finding[] {
  // One that changed nothing adds nothing to a sum, and says nothing of how far others were trained to go.
  const experts = all.filter(({ norm }) => norm !== 0);
  if (experts.length < 2) return [];
  const mean = experts.reduce((sum, { norm }) => sum + norm, 0) / experts.length;
  const squared =
    experts.reduce((sum, { norm }) => sum + norm ** 2, 0) + 2 * pairs.reduce((sum, { dot }) => sum + dot, 0);
  const sumNorm = Math.sqrt(squared);
  if (!(sumNorm > CANCELLED_SUM_LIMIT * mean) || !Number.isFinite(sumNorm)) return [];
  const lambda = formatMeasure(mean / sumNorm);
  return finding('norm-preserving-scale', 'note', `λ = ${lambda} makes a sum as long as one expert`, {
    evidence: `mean ‖τ‖ ${formatMeasure(mean)} / ‖Στ‖ ${formatMeasure(sumNorm)}, from the exact Gram matrix`,
    advice:
      `In published merges of RL experts the scale mattered more than the method (arXiv 2608.27409). Sweep λ around ${lambda}: ` +
      `an average is λ = ${formatMeasure(1 / all.length)}, a plain sum λ = 1.`,
  });
}

function judgeUntouched({ experts, untouched, tensors }: MeasuredGeometry): Finding[] {
  const [first, ...others] = experts.map((name) => untouched[name] ?? []);
  if (first === undefined) return [];
  const sets = others.map((names) => new Set(names));
  const common = first.filter((name) => sets.every((set) => set.has(name)));
  const total = Object.keys(tensors).length;
  // When nothing changed at all, `unchanged-expert` says so.
  if (common.length === 0 || common.length === total) return [];
  return finding('untouched-tensors', 'note', `${common.length} of ${total} tensors were changed by no expert`, {
    evidence: listed(countPatterns(common)),
    advice:
      'A merge copies them from the base. Expected of norms in bf16; otherwise check what was frozen in training.',
  });
}

function judgeLeftOut({ left_out: leftOut = {}, experts, tensors }: MeasuredGeometry): Finding[] {
  const names = Object.keys(leftOut);
  if (names.length === 0) return [];
  const lacking = experts.filter((expert) => names.some((name) => leftOut[name]!.includes(expert)));
  const total = names.length + Object.keys(tensors).length;
  return finding('left-out-tensors', 'note', `${names.length} of ${total} tensors are in none of these numbers`, {
    evidence: `${listed(countPatterns(names))}; without a part in some of them: ${listed(lacking)}`,
    advice: 'Only what all experts have can be compared. A merge takes such tensors from the models that have them.',
  });
}

function finding(
  code: string,
  level: FindingLevel,
  title: string,
  text: Pick<Finding, 'evidence' | 'advice'>,
): Finding[] {
  return [{ code, level, title, ...text }];
}

/** Names that differ in their numbers only (layers, experts) as one, with `*` for the numbers and their count. */
function countPatterns(names: readonly string[]): string[] {
  const patterns = new Map<string, string[]>();
  for (const name of names) {
    const pattern = name.replace(/(^|\.)\d+(?=\.|$)/g, '$1*');
    const alike = patterns.get(pattern);
    if (alike === undefined) patterns.set(pattern, [name]);
    else alike.push(name);
  }
  return [...patterns].map(([pattern, alike]) => (alike.length === 1 ? alike[0]! : `${pattern} (${alike.length})`));
}

/** One finding over all pairs that share a property, so that a group of ten pairs does not make ten findings. */
function overPairs(
  pairs: readonly MeasuredPair[],
  code: string,
  level: FindingLevel,
  property: string,
  text: { readonly evidence: (pair: MeasuredPair) => string; readonly advice: string },
): Finding[] {
  const [only] = pairs;
  if (only === undefined) return [];
  const subject =
    pairs.length === 1 ? `${only.first} and ${only.second} are` : `${pairs.length} pairs of experts are each`;
  const evidence = listed(pairs.map((pair) => `${pair.first} – ${pair.second}: ${text.evidence(pair)}`));
  return finding(code, level, `${subject} ${property}`, { evidence, advice: text.advice });
}

function listed(items: readonly string[]): string {
  const named = items.slice(0, NAMED_ITEMS).join('; ');
  return items.length > NAMED_ITEMS ? `${named}; and ${items.length - NAMED_ITEMS} more` : named;
}
