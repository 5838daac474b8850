/**
 * A strict JSON scanner that the caller pulls values from, in serde_json's dialect: the one the reference implementation
 * of safetensors reads headers with. Unlike `JSON.parse` it shows duplicate keys, keeps the order of the text and exact
 * integers, knows where values lie, and builds nothing that the caller does not ask for.
 */

/** Open objects and arrays at once. serde_json refuses the 128th. */
export const MAX_DEPTH = 127;

const MAX_U64 = 2n ** 64n - 1n;
/** Decimal digits of 2^64 − 1. Longer literals are refused before they are converted. */
const U64_DIGITS = 20;
/** Integers of so many digits are numbers exactly. */
const EXACT_DIGITS = 15;

/** An unsigned 64-bit integer: a number up to 2^53 − 1, a bigint above, so that equal values are `===`. */
export type U64 = number | bigint;

export function toU64(value: bigint): U64 {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** Where a value lies in the text: UTF-16 code units, end exclusive. */
export interface JsonSpan {
  readonly begin: number;
  readonly end: number;
}

export interface JsonDialect {
  /** Accept NaN, Infinity and -Infinity as numbers, which Python's json module writes. */
  readonly pythonNumbers?: boolean;
}

/** Decodes JSON bytes: strict UTF-8, a byte order mark is kept (and is not JSON). Undefined when it is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Longest part of the text shown in a message, in characters. */
const SHOWN_CHARACTERS = 20;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PYTHON_NUMBER = /NaN|-?Infinity/y;
const LITERAL = /true|false|null/y;
const WHITESPACE = /[ \t\n\r]*/y;
/** With the u flag this meets surrogates only where they are not part of a pair. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

export class JsonScanner {
  readonly #text: string;
  readonly #refuse: (detail: string) => Error;
  readonly #pythonNumbers: boolean;
  #position = 0;
  #depth = 0;

  /** `refuse` makes the error to throw from a sentence that says what is wrong and where. */
  constructor(text: string, refuse: (detail: string) => Error, { pythonNumbers = false }: JsonDialect = {}) {
    this.#text = text;
    this.#refuse = refuse;
    this.#pythonNumbers = pythonNumbers;
  }

  /** Kind of the next value, judged by its first character. */
  peekKind(): JsonKind {
    this.#skipWhitespace();
    const first = this.#text[this.#position];
    if (first === '{') return 'object';
    if (first === '[') return 'array';
    if (first === '"') return 'string';
    if (first === 't' || first === 'f') return 'boolean';
    if (first === 'n') return 'null';
    if (first !== undefined && /[-0-9NI]/.test(first)) return 'number';
    throw this.expected('a JSON value');
  }

  /** Reads an object; `onMember` gets each key, in the order of the text, and must consume the value with one call. */
  readObject(onMember: (key: string) => void): void {
    this.#enter('{', 'an object');
    if (!this.#take('}')) {
      do {
        const key = this.readString('a key in double quotes');
        this.#expect(':', '":"');
        onMember(key);
      } while (this.#take(','));
      this.#expect('}', '"," or "}"');
    }
    this.#depth--;
  }

  /** Reads an array; `onItem` must consume one value with one call. */
  readArray(onItem: () => void): void {
    this.#enter('[', 'an array');
    if (!this.#take(']')) {
      do onItem();
      while (this.#take(','));
      this.#expect(']', '"," or "]"');
    }
    this.#depth--;
  }

  /** Reads a string with its escapes decoded. Raw control characters and lone surrogates are refused. */
  readString(what = 'a string'): string {
    this.#skipWhitespace();
    const begin = this.#position;
    if (this.#text.charCodeAt(begin) !== QUOTE) throw this.expected(what);
    let end = begin + 1;
    let escaped = false;
    for (let unit = this.#text.charCodeAt(end); unit !== QUOTE; unit = this.#text.charCodeAt(++end)) {
      if (unit === BACKSLASH) {
        escaped = true;
        end++;
      }
      // Also refuses the end of the text, where the code unit is NaN.
      if (!(unit >= FIRST_PRINTABLE)) throw this.#refuseAt(end, this.#unreadableCharacter(end));
    }
    this.#position = end + 1;
    return escaped ? this.#decodeEscapes(begin, end + 1) : this.#text.slice(begin + 1, end);
  }

  /** Reads a number and returns it as written. Refused when it is beyond a double's range. */
  readNumber(): string {
    this.#skipWhitespace();
    const begin = this.#position;
    const written = this.#match(NUMBER);
    if (written === undefined) {
      const special = this.#pythonNumbers ? this.#match(PYTHON_NUMBER) : undefined;
      if (special === undefined) throw this.expected('a number');
      return special;
    }
    if (!this.#pythonNumbers && !Number.isFinite(Number(written))) throw this.#refuseAt(begin, 'number out of range');
    return written;
  }

  /** Reads an integer from 0 to 2^64 − 1, exactly; refuses signs, fractions and exponents. */
  readUnsigned(): U64 {
    this.#skipWhitespace();
    const begin = this.#position;
    const written = this.readNumber();
    const isInteger = /^[0-9]+$/.test(written);
    if (isInteger && written.length <= EXACT_DIGITS) return Number(written);
    if (isInteger && written.length <= U64_DIGITS) {
      const value = BigInt(written);
      if (value <= MAX_U64) return toU64(value);
    }
    throw this.#refuseAt(begin, `expected an integer from 0 to 2^64 - 1, found ${this.#shown(begin)}`);
  }

  readLiteral(): true | false | null {
    this.#skipWhitespace();
    const written = this.#match(LITERAL);
    if (written === undefined) throw this.expected('true, false or null');
    return written === 'null' ? null : written === 'true';
  }

  /** Checks the next value without building it; returns where it lies. */
  skipValue(): JsonSpan {
    const kind = this.peekKind();
    const begin = this.#position;
    if (kind === 'object') this.readObject(() => this.skipValue());
    else if (kind === 'array') this.readArray(() => this.skipValue());
    else if (kind === 'string') this.readString();
    else if (kind === 'number') this.readNumber();
    else this.readLiteral();
    return { begin, end: this.#position };
  }

  /** Refuses anything but whitespace after the value. */
  expectEnd(): void {
    this.#skipWhitespace();
    if (this.#position < this.#text.length) throw this.expected('the end');
  }

  /** The error that says what should stand at the current position, and what does. */
  expected(what: string): Error {
    this.#skipWhitespace();
    return this.#refuseAt(this.#position, `expected ${what}, found ${this.#shown(this.#position)}`);
  }

  #enter(open: string, what: string): void {
    if (this.#depth === MAX_DEPTH)
      throw this.#refuseAt(this.#position, `more than ${MAX_DEPTH} objects and arrays deep`);
    this.#expect(open, what);
    this.#depth++;
  }

  #take(character: string): boolean {
    this.#skipWhitespace();
    if (this.#text[this.#position] !== character) return false;
    this.#position++;
    return true;
  }

  #expect(character: string, what: string): void {
    if (!this.#take(character)) throw this.expected(what);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const written = pattern.exec(this.#text)?.[0];
    if (written !== undefined) this.#position += written.length;
    return written;
  }

  #skipWhitespace(): void {
    // Most values follow their delimiter directly, and the pattern costs more than this look.
    if (this.#text.charCodeAt(this.#position) <= FIRST_PRINTABLE) this.#match(WHITESPACE);
  }

  #decodeEscapes(begin: number, end: number): string {
    let decoded: string;
    try {
      decoded = JSON.parse(this.#text.slice(begin, end));
    } catch {
      throw this.#refuseAt(begin, 'invalid escape in string');
    }
    if (LONE_SURROGATE.test(decoded)) throw this.#refuseAt(begin, 'lone surrogate in string');
    return decoded;
  }

  #unreadableCharacter(position: number): string {
    return position >= this.#text.length ? 'unfinished string' : 'control character in string';
  }

  #shown(position: number): string {
    if (position >= this.#text.length) return 'the end';
    return JSON.stringify(this.#text.slice(position, position + SHOWN_CHARACTERS));
  }

  #refuseAt(position: number, detail: string): Error {
    let line = 1;
    let lineBegin = 0;
    for (
      let next = this.#text.indexOf('\n');
      next !== -1 && next < position;
      next = this.#text.indexOf('\n', lineBegin)
    ) {
      line++;
      lineBegin = next + 1;
    }
    return this.#refuse(`${detail} at line ${line} column ${position - lineBegin + 1}`);
  }
}
