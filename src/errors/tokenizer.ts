/** Failures of tokenizers that are merged. Worded for `../errors.ts`. */
import type { Wording } from './wording.js';

export interface TokenizerErrorFacts {
  'tokenizer-missing': { model: string; found: readonly string[] };
  'tokenizer-invalid': { file: string; detail: string };
}

function hintForFound(found: readonly string[]): string {
  if (found.length === 0) return 'name a model that has a tokenizer.json, or leave the tokenizer keys out';
  return `found ${found.join(', ')}; transformers writes a tokenizer.json: AutoTokenizer.from_pretrained(…).save_pretrained(…)`;
}

export const TOKENIZER_WORDINGS: {
  readonly [K in keyof TokenizerErrorFacts]: (facts: TokenizerErrorFacts[K]) => Wording;
} = {
  'tokenizer-missing': ({ model, found }) => ({
    message: `${model} has no tokenizer.json, by which its tokens could be told`,
    hint: hintForFound(found),
  }),
  'tokenizer-invalid': ({ file, detail }) => ({ message: `${file}: ${detail}` }),
};
