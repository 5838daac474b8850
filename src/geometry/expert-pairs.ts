/** The pairs of a group of experts, in recipe order. */

export interface ExpertPair {
  /** Key into `pairs` of a scope: `first|second`. */
  readonly key: string;
  readonly first: string;
  readonly second: string;
}

/** All N(N−1)/2 pairs, the earlier expert first: (0,1), (0,2), …, (1,2), …. */
export function expertPairs(experts: readonly string[]): ExpertPair[] {
  return experts.flatMap((first, i) =>
    experts.slice(i + 1).map((second) => ({ key: `${first}|${second}`, first, second })),
  );
}
