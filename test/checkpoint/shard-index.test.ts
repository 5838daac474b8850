import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatShardIndex, isPlainShardName, parseShardIndex } from '../../src/checkpoint/shard-index.js';
import { isM2MergeError } from '../../src/errors.js';

const parse = (text: string) => parseShardIndex(text, 'index.json').weightMap;
const indexOf = (fileName: string) => JSON.stringify({ metadata: {}, weight_map: { a: fileName } });

describe('reads', () => {
  test('the map in the order of the text, whatever the names', () => {
    const text =
      '{"weight_map": {"10": "x.safetensors", "b": "y.safetensors", "1": "x.safetensors", "__proto__": "x.safetensors"}}';
    expect([...parse(text)]).toEqual([
      ['10', 'x.safetensors'],
      ['b', 'y.safetensors'],
      ['1', 'x.safetensors'],
      ['__proto__', 'x.safetensors'],
    ]);
  });

  test.each(['{}', 'null', '{"total_size": "12"}', '{"total_size": 1.5e9, "total_parameters": NaN}', '[]'])(
    'any metadata: %s',
    (metadata) => {
      expect(parse(`{"metadata": ${metadata}, "weight_map": {"a": "x.safetensors"}, "more": 1}`).size).toBe(1);
    },
  );

  test.each([
    'model.safetensors',
    'model-00001-of-00007.safetensors',
    'model_00001_of_000007.safetensors',
    'model.fp16-00001-of-00002.safetensors',
    'Modell größer 1.safetensors',
  ])('the file name %s', (name) => {
    expect(parse(indexOf(name)).get('a')).toBe(name);
  });
});

describe('refuses', () => {
  test.each([
    '../model.safetensors',
    '..\\model.safetensors',
    'sub/model.safetensors',
    'sub\\model.safetensors',
    '/etc/model.safetensors',
    'C:\\model.safetensors',
    'C:model.safetensors',
    '%2e%2e%2fmodel.safetensors',
    '%2e%2e/model.safetensors',
    '..safetensors',
    'a..safetensors',
    '.safetensors',
    '.hidden.safetensors',
    '-flag.safetensors',
    ' model.safetensors',
    'model.safetensors ',
    'model.safetensors\n',
    'mo\ndel.safetensors',
    'mo\u0000del.safetensors',
    'model.safetensors\u0000.bin',
    'model.safetensors:stream',
    'a#b.safetensors',
    'a?b.safetensors',
    'http://host/model.safetensors',
    '~/model.safetensors',
    '\uff0e\uff0e\uff0fmodel.safetensors',
    'model.bin',
    'pytorch_model.bin',
    'model.safetensors.bin',
    '',
    '.',
    '..',
    `${'x'.repeat(300)}.safetensors`,
  ])('the file name %j', (name) => {
    expect(isPlainShardName(name)).toBe(false);
    expect(() => parse(indexOf(name))).toThrow('is not the name of a .safetensors file in the folder');
  });

  test.each([
    ['', 'invalid JSON'],
    ['[]', 'expected an object'],
    ['{}', '"weight_map" is missing'],
    ['{"weight_map": {}}', 'names no tensors'],
    ['{"weight_map": []}', 'expected an object'],
    ['{"weight_map": {"a": 1}}', 'expected a file name'],
    ['{"weight_map": {"a": "x.safetensors"}, "weight_map": {"a": "x.safetensors"}}', 'given twice'],
    ['{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', 'mapped to both x.safetensors and y.safetensors'],
    ['{"weight_map": {"a": "x.safetensors"}} {}', 'expected the end'],
  ])('%s', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  test('damaged text by index-invalid alone', () => {
    const valid = indexOf('x.safetensors');
    fc.assert(
      fc.property(fc.nat(valid.length), fc.nat(3), fc.string({ maxLength: 3 }), (at, removed, inserted) => {
        try {
          const [name] = parse(valid.slice(0, at) + inserted + valid.slice(at + removed)).values();
          expect(name).toMatch(/^[^/\\%:]+\.safetensors$/);
        } catch (error) {
          if (!isM2MergeError(error, 'index-invalid')) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('writes', () => {
  test('what transformers writes', () => {
    // json.dumps(index, indent=2, sort_keys=True) + "\n" in Python.
    const weightMap = new Map([
      ['b.é', 'model-00002-of-00002.safetensors'],
      ['10', 'model-00001-of-00002.safetensors'],
      ['a', 'model-00001-of-00002.safetensors'],
    ]);
    expect(formatShardIndex({ totalParameters: 12, totalSize: 24, weightMap })).toBe(
      [
        '{',
        '  "metadata": {',
        '    "total_parameters": 12,',
        '    "total_size": 24',
        '  },',
        '  "weight_map": {',
        '    "10": "model-00001-of-00002.safetensors",',
        '    "a": "model-00001-of-00002.safetensors",',
        '    "b.\\u00e9": "model-00002-of-00002.safetensors"',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
  });

  test('what it reads', () => {
    const names = fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 1 });
    fc.assert(
      fc.property(names, (tensors) => {
        const weightMap = new Map(tensors.map((name) => [name, 'x.safetensors'] as const));
        expect(parse(formatShardIndex({ totalParameters: 1, totalSize: 1, weightMap }))).toEqual(weightMap);
      }),
    );
  });
});
