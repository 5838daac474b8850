/** Greedy continuations over the single-character vocabulary of recipes/tiny-rlvr. */
import type { Qwen3 } from './qwen3.js';

/** Tokens 0, 1 and 2 are padding, end and unknown; then come the printable ASCII characters from the space on. */
export const END = 1;
const UNKNOWN = 2;
const FIRST_CHARACTER = 3;

/** Tokens of a continuation, as the group was trained and measured with. */
const LONGEST = 12;

export function encode(text: string): number[] {
  return [...text].map((character) => {
    const code = character.codePointAt(0)!;
    return code >= 32 && code < 127 ? code - 32 + FIRST_CHARACTER : UNKNOWN;
  });
}

/** The continuation that always takes the likeliest token (the first of equals), with its end token if it comes. */
export function continueGreedily(model: Qwen3, prompt: readonly number[]): number[] {
  const continuation: number[] = [];
  while (continuation.length < LONGEST && continuation.at(-1) !== END) {
    const logits = model.nextTokenLogits([...prompt, ...continuation]);
    continuation.push(logits.indexOf(logits.reduce((most, logit) => Math.max(most, logit))));
  }
  return continuation;
}
