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

/** Members of an object, or elements of an array: all of them, or those that come after what is there. Read once. */
export interface ListEdit {
  readonly entries: Iterable<string>;
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
    const edits: { readonly span: JsonSpan; readonly texts: Iterable<string> }[] = [];
    const place = this.#spans.get('added_tokens');
    if (place !== undefined) edits.push({ span: place, texts: [list] });
    else {
      const begin = this.#text.indexOf('{') + 1;
      edits.push({ span: { begin, end: begin }, texts: [`\n  "added_tokens": ${list},`] });
    }
    for (const [name, edit] of [['vocab', vocab] as const, ['merges', merges] as const]) {
      const span = this.#spans.get(name);
      if (edit !== undefined && span !== undefined) edits.push({ span, texts: this.#edited(span, edit) });
    }
    return this.#assemble(edits.sort((a, b) => a.span.begin - b.span.begin));
  }

  *#edited({ begin, end }: JsonSpan, { entries, replaces }: ListEdit): Iterable<string> {
    yield this.#text[begin]!;
    const own = replaces ? '' : this.#text.slice(begin + 1, end - 1).trimEnd();
    yield own;
    let separator = own === '' ? '\n' : ',\n';
    for (const entry of entries) {
      yield `${separator}      ${entry}`;
      separator = ',\n';
    }
    yield `\n    ${this.#text[end - 1]}`;
  }

  #assemble(edits: readonly { readonly span: JsonSpan; readonly texts: Iterable<string> }[]): Uint8Array {
    const bytes = new GrowingText(this.#text.length);
    let kept = 0;
    for (const { span, texts } of edits) {
      bytes.append(this.#text.slice(kept, span.begin));
      for (const text of texts) bytes.append(text);
      kept = span.end;
    }
    bytes.append(this.#text.slice(kept));
    return bytes.finish();
  }

  #scan(name: 'vocab' | 'merges'): JsonScanner {
    const { begin, end } = this.#spans.get(name)!;
    return scannerOf(this.#text.slice(begin, end));
  }
}

/** UTF-8 that texts are appended to one after the other, none of which stays. */
class GrowingText {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  append(text: string): void {
    const needed = this.#length + Buffer.byteLength(text);
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.ceil(1.5 * this.#bytes.length)));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#length += this.#bytes.write(text, this.#length);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

function scannerOf(text: string): JsonScanner {
  return new JsonScanner(text, (detail) => new RangeError(`a tokenizer.json changed while it was read: ${detail}`));
}
