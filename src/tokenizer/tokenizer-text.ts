/**
 * A tokenizer.json as text, of which only what changes is written anew: real ones hold a million strings, which are looked
 * at one after the other and not held.
 */
import { JsonScanner, type JsonSpan } from '../checkpoint/json-scanner.js';
import { readValue } from '../checkpoint/python-json.js';

/** A merge of a BPE model: the tokens that become one. */
export type Pair = readonly [left: string, right: string];

/** What changes, as texts of JSON; undefined: nothing. */
export interface TokenizerEdits {
  readonly added: readonly unknown[];
  readonly vocab: ListEdit | undefined;
  readonly merges: ListEdit | undefined;
}

/** Members of an object, or elements of an array: all of them, or those that come after what is there. */
export interface ListEdit {
  readonly entries: readonly string[];
  readonly replaces: boolean;
}

export class TokenizerText {
  readonly #text: string;
  readonly #spans = new Map<'added_tokens' | 'vocab' | 'merges', JsonSpan>();

  /** The text has been read before, so that it is known to be right. */
  constructor(text: string) {
    this.#text = text;
    const scanner = scannerOf(text);
    scanner.readObject((key) => {
      if (key === 'added_tokens') this.#spans.set(key, scanner.skipValue());
      else if (key !== 'model') scanner.skipValue();
      else {
        scanner.readObject((member) => {
          const span = scanner.skipValue();
          if (member === 'vocab' || member === 'merges') this.#spans.set(member, span);
        });
      }
    });
  }

  /** Whether there is a list of merges. */
  get hasMerges(): boolean {
    const span = this.#spans.get('merges');
    return span !== undefined && this.#text[span.begin] === '[';
  }

  /** Hands on the merges in their order, and whether each is written as one text. */
  forEachMerge(take: (pair: Pair, isText: boolean) => void): void {
    if (!this.hasMerges) return;
    const scanner = this.#scan('merges');
    scanner.readArray(() => {
      const merge = readValue(scanner);
      const parts: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
      if (!Array.isArray(parts) || parts.length !== 2 || !parts.every((part) => typeof part === 'string')) return;
      take(parts as unknown as Pair, typeof merge === 'string');
    });
  }

  /** Hands on the entries of a vocabulary that is a list of tokens and scores. */
  forEachScore(take: (token: string, score: number) => void): void {
    if (this.#text[this.#spans.get('vocab')!.begin] !== '[') return;
    const scanner = this.#scan('vocab');
    scanner.readArray(() => {
      const [token, score] = readValue(scanner) as [string, unknown];
      take(token, typeof score === 'number' ? score : 0);
    });
  }

  /** The text with the edits, as UTF-8. */
  edit({ added, vocab, merges }: TokenizerEdits): Uint8Array {
    const list = `[\n${added.map((token) => `    ${JSON.stringify(token)}`).join(',\n')}\n  ]`;
    const edits: { readonly span: JsonSpan; readonly text: string }[] = [];
    const place = this.#spans.get('added_tokens');
    if (place !== undefined) edits.push({ span: place, text: list });
    else {
      const begin = this.#text.indexOf('{') + 1;
      edits.push({ span: { begin, end: begin }, text: `\n  "added_tokens": ${list},` });
    }
    for (const [name, edit] of [['vocab', vocab] as const, ['merges', merges] as const]) {
      const span = this.#spans.get(name);
      if (edit !== undefined && span !== undefined) edits.push({ span, text: this.#edited(span, edit) });
    }
    return this.#assemble(edits.sort((a, b) => a.span.begin - b.span.begin));
  }

  #edited({ begin, end }: JsonSpan, { entries, replaces }: ListEdit): string {
    const more = entries.map((entry) => `      ${entry}`).join(',\n');
    const open = this.#text[begin]!;
    const own = replaces ? '' : this.#text.slice(begin + 1, end - 1).trimEnd();
    const parts = [own, more].filter((part) => part !== '');
    return `${open}${own === '' ? '\n' : ''}${parts.join(',\n')}\n    ${this.#text[end - 1]}`;
  }

  #assemble(edits: readonly { readonly span: JsonSpan; readonly text: string }[]): Uint8Array {
    const encoder = new TextEncoder();
    const pieces: Uint8Array[] = [];
    let kept = 0;
    for (const { span, text } of edits) {
      pieces.push(encoder.encode(this.#text.slice(kept, span.begin)), encoder.encode(text));
      kept = span.end;
    }
    pieces.push(encoder.encode(this.#text.slice(kept)));
    const whole = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  #scan(name: 'vocab' | 'merges'): JsonScanner {
    const { begin, end } = this.#spans.get(name)!;
    return scannerOf(this.#text.slice(begin, end));
  }
}

function scannerOf(text: string): JsonScanner {
  return new JsonScanner(text, (detail) => new RangeError(`a tokenizer.json changed while it was read: ${detail}`));
}
