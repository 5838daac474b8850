import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig, updateConfig } from '../../src/checkpoint/config.js';
import { isM2MergeError } from '../../src/errors.js';

describe('parseConfig', () => {
  test('gives what JSON.parse gives', () => {
    const text = readFileSync('recipes/tiny-rlvr/sft/config.json', 'utf8');
    expect(parseConfig(text, 'config.json')).toEqual(JSON.parse(text));
  });

  test('takes the numbers that only Python writes', () => {
    expect(parseConfig('{"a": [NaN, Infinity, -Infinity]}', 'config.json')).toEqual({ a: [NaN, Infinity, -Infinity] });
  });

  test.each(['', '[]', 'null', '"x"', '{"a": nan}', '{"a": 1,}', '{"a": 1} x', "{'a': 1}"])('refuses %j', (text) => {
    expect(() => parseConfig(text, 'folder/config.json')).toThrow(
      /^folder\/config\.json: invalid JSON: .* at line 1 column/,
    );
  });
});

describe('updateConfig', () => {
  test('takes objects of as many members as a file of the largest size holds', () => {
    const labels = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`label ${i}`, i]));
    const text = JSON.stringify({ dtype: 'float32', label2id: labels });
    expect(JSON.parse(updateConfig(text, { dtype: 'bfloat16' }))).toEqual({ dtype: 'bfloat16', label2id: labels });
  });

  test.each([
    ['{"dtype": "float32"}', '{"dtype": "bfloat16"}'],
    ['{"torch_dtype": "float32"}', '{"torch_dtype": "bfloat16"}'],
    ['{"dtype": null, "torch_dtype":"float32"}', '{"dtype": "bfloat16", "torch_dtype":"bfloat16"}'],
    ['{"d\\u0074ype": "float32"}', '{"d\\u0074ype": "bfloat16"}'],
    [
      '{"text_config": {"dtype": "float32", "a": {"dtype": 1}}, "torch_dtype": "float32"}',
      '{"text_config": {"dtype": "bfloat16", "a": {"dtype": 1}}, "torch_dtype": "bfloat16"}',
    ],
    ['{"text_config": {"torch_dtype": "x"}}', '{"dtype": "bfloat16", "text_config": {"torch_dtype": "bfloat16"}}'],
    ['{"vision_config": {"dtype": "x"}, "dtype": "y"}', '{"vision_config": {"dtype": "x"}, "dtype": "bfloat16"}'],
    ['{"text_config": null}', '{"dtype": "bfloat16", "text_config": null}'],
    ['{}', '{\n  "dtype": "bfloat16"\n}'],
    ['{"dtype": "a", "dtype": "b"}', '{"dtype": "bfloat16", "dtype": "bfloat16"}'],
    ['\n{\n    "a": 1\n}\n', '\n{\n    "dtype": "bfloat16",\n    "a": 1\n}\n'],
  ])('%j', (text, expected) => {
    expect(updateConfig(text, { dtype: 'bfloat16' })).toBe(expected);
  });

  test.each([
    // In the section that is named, and nowhere else.
    ['{"n": 1, "a": {"n": 1}, "b": {"a": {"n": 1}}}', ['a'], 'n', 2, '{"n": 1, "a": {"n": 2}, "b": {"a": {"n": 1}}}'],
    ['{"b": {"a": {"n": 1}}}', ['b', 'a'], 'n', 2, '{"b": {"a": {"n": 2}}}'],
    // Added where it is not, before the first member.
    ['{\n  "a": {\n    "m": 1\n  }\n}', ['a'], 'n', 2, '{\n  "a": {\n    "n": 2,\n    "m": 1\n  }\n}'],
    ['{"a": {}}', ['a'], 'n', 2, '{"a": {\n  "n": 2\n}}'],
    // A section that is not there, or no object, is not made.
    ['{"a": [1]}', ['a'], 'n', 2, '{"a": [1]}'],
    ['{"a": null}', ['b'], 'n', 2, '{"a": null}'],
    // Of sections that are there twice the last counts.
    ['{"a": {"m": 1}, "a": {"m": 2}}', ['a'], 'n', 3, '{"a": {"m": 1}, "a": {"n": 3, "m": 2}}'],
    // Python's floats and what is no number.
    ['{"n": [1.0, 2e0]}', [], 'n', [2, 0.5, NaN, -Infinity], '{"n": [2.0,0.5,NaN,-Infinity]}'],
    ['{"n": [1, 2]}', [], 'n', [2, 0.5], '{"n": [2,0.5]}'],
    ['{"n": ["1.5"]}', [], 'n', [2], '{"n": [2]}'],
    ['{"n": [["g", 1], [1.5]]}', [], 'n', [['g', 1]], '{"n": [["g",1]]}'],
  ] as const)('%j: sets %j %s', (text, section, key, value, expected) => {
    expect(updateConfig(text, { fields: [{ section, key, value }] })).toBe(expected);
  });

  test('writes a field once, and several into one section', () => {
    const fields = [
      { section: ['a'], key: 'n', value: 1 },
      { section: ['a'], key: 'n', value: 2 },
      { section: ['a'], key: 'm', value: 3 },
    ];
    expect(JSON.parse(updateConfig('{"a": {"n": 0}}', { fields }))).toEqual({ a: { n: 2, m: 3 } });
    expect(JSON.parse(updateConfig('{"a": {"x": 0}}', { fields }))).toEqual({ a: { n: 2, m: 3, x: 0 } });
  });

  test('keeps every other byte: large integers, floats, formatting', () => {
    const text =
      '{\r\n\t"big": 123456789012345678901234567890, "eps": 1e-06,\r\n"f": 1.0 , "dtype" :\t"x" ,"n":NaN}\r\n';
    expect(updateConfig(text, { dtype: 'float16' })).toBe(text.replace('"x"', '"float16"'));
    expect(updateConfig(text, {})).toBe(text);
  });

  test('changes a real config in one line', () => {
    const text = readFileSync('recipes/tiny-rlvr/sft/config.json', 'utf8');
    const changed = updateConfig(text, { dtype: 'float32' }).split('\n');
    const differing = text.split('\n').flatMap((line, i) => (line === changed[i] ? [] : [[line, changed[i]]]));
    expect(differing).toEqual([['  "dtype": "bfloat16",', '  "dtype": "float32",']]);
  });

  test('means what changing the parsed object means', () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const config = fc.record(
      { a: value, dtype: value, text_config: fc.record({ dtype: value, z: value }, { requiredKeys: [] }) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(config, fc.constantFrom(0, 2, '\t'), (before, space) => {
        const after = structuredClone({ ...before, dtype: 'float16' });
        if (after.text_config !== undefined && 'dtype' in after.text_config) after.text_config.dtype = 'float16';
        expect(JSON.parse(updateConfig(JSON.stringify(before, null, space), { dtype: 'float16' }))).toEqual(
          JSON.parse(JSON.stringify(after)),
        );
      }),
    );
  });

  test.each(['', '[]', '{"dtype": }', '{} {}'])('refuses %j', (text) => {
    expect(() => updateConfig(text, { dtype: 'float16' })).toThrow(
      expect.toSatisfy((error) => isM2MergeError(error, 'config-invalid')),
    );
  });
});
