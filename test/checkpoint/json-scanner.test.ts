import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8, JsonScanner, MAX_DEPTH } from '../../src/checkpoint/json-scanner.js';
import { formatString, PYTHON_JSON, readValue } from '../../src/checkpoint/python-json.js';

const scan = (text: string) => new JsonScanner(text, (detail) => new SyntaxError(detail));

function check(text: string): void {
  const scanner = scan(text);
  scanner.skipValue();
  scanner.expectEnd();
}

function parse(text: string): unknown {
  const scanner = new JsonScanner(text, (detail) => new SyntaxError(detail), PYTHON_JSON);
  const value = readValue(scanner);
  scanner.expectEnd();
  return value;
}

function accepts(read: (text: string) => unknown, text: string): boolean {
  try {
    read(text);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return false;
  }
}

describe('agrees with JSON.parse', () => {
  test('on values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('', ' ', '\n\t', 2), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(parse(text)).toEqual(JSON.parse(text));
        expect(() => check(text)).not.toThrow();
      }),
    );
  });

  test('on what is JSON at all, for damaged texts', () => {
    const fragments = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '-',
      '0',
      '1',
      '.',
      'e',
      '+',
      'true',
      'nul',
      '"a"',
      ' ',
      '\n',
      '\u0000',
      '\\u00e9',
      '\\x',
    ];
    const damaged = fc.array(fc.constantFrom(...fragments), { maxLength: 8 }).map((parts) => parts.join(''));
    const cut = fc.tuple(fc.json(), fc.nat(), fc.constantFrom(...fragments)).map(([text, at, part]) => {
      const begin = at % (text.length + 1);
      return text.slice(0, begin) + part + text.slice(begin + (at % 3));
    });
    fc.assert(
      fc.property(fc.oneof(damaged, cut), (text) => {
        // In the dialect that takes numbers beyond a double, as JSON.parse does.
        expect(accepts(parse, text)).toBe(accepts(JSON.parse, text));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('shows what JSON.parse hides', () => {
  test('duplicate keys and the order of the text', () => {
    const keys: string[] = [];
    const scanner = scan('{"10": 1, "b": 2, "1": 3, "__proto__": 4, "b": 5, "\\u0062": 6}');
    scanner.readObject((key) => {
      keys.push(key);
      scanner.skipValue();
    });
    expect(keys).toEqual(['10', 'b', '1', '__proto__', 'b', 'b']);
  });

  test.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['18446744073709551615', 18446744073709551615n],
    ['0', 0],
  ])('exact integer %s', (text, value) => {
    expect(scan(text).readUnsigned()).toBe(value);
  });

  test.each(['18446744073709551616', '1'.repeat(50_000), '-1', '-0', '2.0', '2e0', '1E2', '"1"', 'true', ''])(
    'no unsigned integer: %.30s',
    (text) => {
      expect(() => scan(text).readUnsigned()).toThrow(SyntaxError);
    },
  );

  test('where values lie', () => {
    const text = '{"a" : [1, {"b": "]"}] ,"c":-1.5e3}';
    const spans: string[] = [];
    const scanner = scan(text);
    scanner.readObject(() => {
      const { begin, end } = scanner.skipValue();
      spans.push(text.slice(begin, end));
    });
    expect(spans).toEqual(['[1, {"b": "]"}]', '-1.5e3']);
  });
});

describe('refuses', () => {
  test.each(['"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d x"'])('lone surrogates: %s', (text) => {
    expect(() => check(text)).toThrow('lone surrogate');
  });

  test.each([
    'NaN',
    'Infinity',
    '-Infinity',
    '1e999',
    '\ufeff{}',
    '{} //',
    "{'a': 1}",
    '[1,]',
    '{"a":1,}',
    '01',
    '+1',
    '.5',
  ])('%j', (text) => {
    expect(accepts(check, text)).toBe(false);
  });

  test('nesting from the 128th level on, at once', () => {
    expect(() => check('['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH))).not.toThrow();
    expect(() => check('['.repeat(MAX_DEPTH + 1) + ']'.repeat(MAX_DEPTH + 1))).toThrow('127 objects and arrays deep');
    expect(() => check('{"a":'.repeat(1_000_000))).toThrow('127 objects and arrays deep');
  });
});

test('says where and what', () => {
  expect(() => check('{\n  "a": 1,\n  b: 2}')).toThrow(
    'expected a key in double quotes, found "b: 2}" at line 3 column 3',
  );
  expect(() => check('{"a": 1')).toThrow('expected "," or "}", found the end at line 1 column 8');
});

test('a pair of surrogate escapes is one character', () => {
  expect(scan('"\\ud83d\\ude00 \\" \\u0041"').readString()).toBe('\u{1f600} " A');
});

describe('Python dialect', () => {
  test('reads what json.dumps writes for non-finite numbers', () => {
    expect(parse('[NaN, Infinity, -Infinity, 1e999]')).toEqual([NaN, Infinity, -Infinity, Infinity]);
  });

  test('keeps "__proto__" a plain member', () => {
    const value = parse('{"__proto__": {"polluted": true}}') as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(value.polluted).toBeUndefined();
  });

  test('writes strings in ASCII that read back', () => {
    expect(formatString('é\u007f\u{1f600}"\n')).toBe('"\\u00e9\\u007f\\ud83d\\ude00\\"\\n"');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(formatString(text)).toMatch(/^[ -~]*$/);
        expect(JSON.parse(formatString(text))).toBe(text);
      }),
    );
  });
});

test('decodes UTF-8 strictly and keeps the byte order mark', () => {
  expect(decodeUtf8(Buffer.from('\ufeffé'))).toBe('\ufeffé');
  expect(decodeUtf8(Uint8Array.of(0xff))).toBeUndefined();
  expect(decodeUtf8(Uint8Array.of(0xed, 0xa0, 0x80))).toBeUndefined();
});
