import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DTYPE_BITS, DTYPES, type Dtype } from '../../src/checkpoint/dtype.js';
import { parseHeader } from '../../src/checkpoint/header.js';
import { layOutShards, type OutputTensor, type ShardLayout } from '../../src/checkpoint/shards.js';

const METADATA = { format: 'pt' };
const layOut = (tensors: readonly OutputTensor[], shardByteLimit = Number.MAX_SAFE_INTEGER) =>
  layOutShards(tensors, { shardByteLimit, metadata: METADATA });
const bytes = (name: string, length: number, dtype: Dtype = 'U8'): OutputTensor => ({ name, dtype, shape: [length] });
const parse = ({ fileName, header, byteLength }: ShardLayout) =>
  parseHeader(header.subarray(8), { file: fileName, fileByteLength: byteLength });
const namesOf = (layouts: readonly ShardLayout[]) => layouts.map(({ tensors }) => [...tensors.keys()]);

describe('gives the bytes of the reference writer', () => {
  // Written by Python's safetensors.
  test.each([
    'test/fixtures/conformance/models/base/model.safetensors',
    'recipes/tiny-rlvr/sft/model.safetensors',
    'recipes/tiny-rlvr/math/model-00002-of-00003.safetensors',
  ])('%s', (path) => {
    const file = readFileSync(path);
    const written = file.subarray(0, 8 + Number(file.readBigUInt64LE()));
    const { tensors, metadata } = parseHeader(written.subarray(8), { file: path, fileByteLength: file.length });
    const shuffled = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape })).reverse();
    const [layout, ...more] = layOutShards(shuffled, { shardByteLimit: 1e9, metadata: Object.fromEntries(metadata) });
    expect(more).toEqual([]);
    expect(Buffer.from(layout!.header).toString()).toBe(written.toString());
    expect(layout!.byteLength).toBe(file.length);
  });

  test('compact JSON, metadata first with sorted keys, widest dtype first, padded with spaces', () => {
    const tensors: OutputTensor[] = [
      { name: '\u{1f600}', dtype: 'BF16', shape: [] },
      { name: '\uffff', dtype: 'BF16', shape: [2, 1] },
      { name: 'é"', dtype: 'BOOL', shape: [0] },
      { name: '1', dtype: 'I64', shape: [1] },
    ];
    const [layout] = layOutShards(tensors, { shardByteLimit: 100, metadata: { z: '1', format: 'pt' } });
    const json =
      '{"__metadata__":{"format":"pt","z":"1"},' +
      '"1":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
      '"\uffff":{"dtype":"BF16","shape":[2,1],"data_offsets":[8,12]},' +
      '"\u{1f600}":{"dtype":"BF16","shape":[],"data_offsets":[12,14]},' +
      '"é\\"":{"dtype":"BOOL","shape":[0],"data_offsets":[14,14]}}';
    const header = Buffer.from(layout!.header);
    expect(header.length % 8).toBe(0);
    expect(header.readBigUInt64LE()).toBe(BigInt(header.length - 8));
    expect(header.toString('utf8', 8).trimEnd()).toBe(json);
    expect(header.length - 8 - Buffer.byteLength(json)).toBeLessThan(8);
  });

  test('no metadata, no member', () => {
    const [layout] = layOutShards([bytes('a', 1)], { shardByteLimit: 100, metadata: {} });
    expect(Buffer.from(layout!.header).toString('utf8', 8)).toMatch(
      /^\{"a":\{"dtype":"U8","shape":\[1\],"data_offsets":\[0,1\]\}\} *$/,
    );
  });
});

describe('distributes greedily', () => {
  test('one file up to the limit', () => {
    const [layout, ...more] = layOut([bytes('a', 6), bytes('b', 4)], 10);
    expect(layout!.fileName).toBe('model.safetensors');
    expect(more).toEqual([]);
  });

  test('a new file above it', () => {
    const layouts = layOut([bytes('a', 6), bytes('b', 5), bytes('c', 5), bytes('d', 1)], 10);
    expect(namesOf(layouts)).toEqual([['a'], ['b', 'c'], ['d']]);
    expect(layouts.map(({ fileName }) => fileName)).toEqual([
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
    ]);
  });

  test('a file of its own for a tensor above the limit, while the file begun before it goes on', () => {
    expect(namesOf(layOut([bytes('a', 4), bytes('b', 11), bytes('c', 4)], 10))).toEqual([['b'], ['a', 'c']]);
    expect(namesOf(layOut([bytes('a', 11)], 10))).toEqual([['a']]);
  });

  test('empty tensors anywhere, no tensors nowhere', () => {
    expect(namesOf(layOut([bytes('a', 10), bytes('b', 0), bytes('c', 1)], 10))).toEqual([['a', 'b'], ['c']]);
    expect(layOut([])).toEqual([]);
  });
});

test('what is laid out parses back, each tensor once, within the limit', () => {
  const tensor = fc.record({
    name: fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__'),
    dtype: fc.constantFrom(...DTYPES),
    shape: fc
      .tuple(fc.array(fc.nat(5), { maxLength: 2 }), fc.constantFrom(0, 4, 8))
      .map(([shape, last]) => [...shape, last]),
  });
  const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 12 });
  fc.assert(
    fc.property(tensors, fc.integer({ min: 1, max: 300 }), (written, limit) => {
      const byName = new Map(written.map(({ name, dtype, shape }) => [name, { dtype, shape }] as const));
      let count = 0;
      for (const layout of layOut(written, limit)) {
        const { tensors: parsed, metadata } = parse(layout);
        expect(Object.fromEntries(metadata)).toEqual(METADATA);
        expect([...layout.tensors]).toEqual([...parsed].map(([name, { begin, end }]) => [name, { begin, end }]));
        for (const [name, { dtype, shape }] of parsed) expect({ dtype, shape }).toEqual(byName.get(name));
        expect(
          parsed.size === 1 || layout.byteLength - layout.header.length <= limit || onlyOneIsNotEmpty(parsed),
        ).toBe(true);
        count += parsed.size;
      }
      expect(count).toBe(written.length);
    }),
  );
});

function onlyOneIsNotEmpty(tensors: ReadonlyMap<string, { begin: number; end: number }>): boolean {
  return [...tensors.values()].filter(({ begin, end }) => end > begin).length === 1;
}

test('refuses elements that do not fill bytes, and headers no reader would take', () => {
  expect(DTYPE_BITS.F4).toBe(4);
  expect(() => layOut([{ name: 'a', dtype: 'F4', shape: [3] }])).toThrow(RangeError);
  const endless = { shardByteLimit: 10, metadata: { note: 'x'.repeat(100_000_000) } };
  expect(() => layOutShards([bytes('a', 1)], endless)).toThrow('the limit is 100000000');
});
