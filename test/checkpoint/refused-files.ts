/**
 * Files that a reader must refuse, and by which rule of the reference implementation: from its own tests, its `attacks`
 * folder, every rule of its reader, and what JavaScript's JSON would get wrong. Data only, shared with the oracle test.
 */
import type { SafetensorsRule } from '../../src/checkpoint/safetensors-rules.js';
import { entry, F32_PAIR, file } from './header-text.js';

export interface RefusedFile {
  readonly name: string;
  readonly file: Uint8Array;
  readonly rule: SafetensorsRule;
  /** What the message must tell. */
  readonly says: string;
  /** Refused here though the reference takes it. */
  readonly stricter?: boolean;
}

const withPrefix = (prefix: bigint, rest: string | Buffer): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(prefix);
  return Buffer.concat([bytes, typeof rest === 'string' ? Buffer.from(rest) : rest]);
};
const rangesAtZero = (count: number, shape: string, bytes: number): Buffer =>
  file(
    `{${Array.from({ length: count }, (_, i) => `"t${i}":${entry('I8', shape, `[0,${bytes}]`)}`).join(',')}}`,
    bytes,
  );

const U64_MAX = '18446744073709551615';
const JSON_RULE = 'InvalidHeaderDeserialization';

const badJson = (name: string, header: string, says: string, dataBytes = 8): RefusedFile => ({
  name,
  file: file(header, dataBytes),
  rule: JSON_RULE,
  says,
});

const LENGTHS: readonly RefusedFile[] = [
  { name: 'empty file', file: Buffer.alloc(0), rule: 'HeaderTooSmall', says: '0 bytes' },
  { name: '7 bytes', file: Buffer.alloc(7), rule: 'HeaderTooSmall', says: '7 bytes' },
  { name: 'length above the limit', file: withPrefix(100_000_001n, '{}'), rule: 'HeaderTooLarge', says: '100000001' },
  {
    name: 'length with high bytes set',
    file: withPrefix(0x3c00000000000002n, '{}'),
    rule: 'HeaderTooLarge',
    says: '4323455642275676162',
  },
  { name: 'length 2^64 - 1', file: withPrefix(2n ** 64n - 1n, '{}'), rule: 'HeaderTooLarge', says: U64_MAX },
  { name: 'length prefix only', file: withPrefix(60n, ''), rule: 'InvalidHeaderLength', says: '60 bytes' },
  { name: 'length patched to 1000', file: withPrefix(1000n, '{}'), rule: 'InvalidHeaderLength', says: '1000 bytes' },
  { name: 'length one too large', file: withPrefix(3n, '{}'), rule: 'InvalidHeaderLength', says: 'has 2' },
  { name: 'no header', file: withPrefix(0n, ''), rule: JSON_RULE, says: 'the end' },
  { name: 'header 0xFF', file: withPrefix(1n, Buffer.of(0xff)), rule: 'InvalidHeader', says: 'UTF-8' },
  {
    name: 'encoded surrogate',
    file: withPrefix(3n, Buffer.of(0xed, 0xa0, 0x80)),
    rule: 'InvalidHeader',
    says: 'UTF-8',
  },
];

const SYNTAX: readonly RefusedFile[] = [
  badJson('only {', '{', 'a key in double quotes', 0),
  badJson('array', '[]', 'an object', 0),
  badJson('string', '"header"', 'an object', 0),
  badJson('null', 'null', 'an object', 0),
  badJson('byte order mark', `\ufeff{"t":${F32_PAIR}}`, 'an object'),
  badJson('comment', `{"t":${F32_PAIR}}//`, 'the end'),
  badJson('trailing comma', `{"t":${F32_PAIR},}`, 'a key'),
  badJson('NUL padding', `{"t":${F32_PAIR}}\0\0`, 'the end'),
  badJson('two objects', `{"t":${F32_PAIR}}{}`, 'the end'),
  badJson('raw control character in a name', `{"a\nb":${F32_PAIR}}`, 'control character'),
  badJson('lone surrogate in a name', `{"\\ud800":${F32_PAIR}}`, 'lone surrogate'),
  badJson('NaN in an extra field', '{"t":{"x":NaN}}', 'a number'),
  badJson('1e999 in an extra field', '{"t":{"x":1e999}}', 'out of range'),
  badJson('200 arrays deep in an extra field', `{"t":{"x":${'['.repeat(200)}${']'.repeat(200)}}}`, 'deep'),
];

const METADATA: readonly RefusedFile[] = [
  badJson('metadata is a list', '{"__metadata__":[]}', 'an object', 0),
  badJson('metadata value is a number', '{"__metadata__":{"a":1}}', 'a string as metadata value', 0),
  badJson('metadata value is null', '{"__metadata__":{"a":null}}', 'a string as metadata value', 0),
  badJson('metadata twice', '{"__metadata__":{},"__metadata__":{}}', 'twice', 0),
  badJson('metadata null, then again by escape', '{"__metadata__":null,"__metadata\\u005f_":{}}', 'twice', 0),
];

const FIELDS: readonly RefusedFile[] = [
  badJson('entry is null', '{"t":null}', 'an object'),
  badJson('no dtype', '{"t":{"shape":[2],"data_offsets":[0,8]}}', '"dtype" is missing'),
  badJson('no shape', '{"t":{"dtype":"F32","data_offsets":[0,8]}}', '"shape" is missing'),
  badJson('no data_offsets', '{"t":{"dtype":"F32","shape":[2]}}', '"data_offsets" is missing'),
  badJson(
    'dtype twice',
    '{"t":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    '"dtype" is given twice',
  ),
  badJson(
    'shape twice',
    '{"t":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}',
    '"shape" is given twice',
  ),
  badJson('dtype in lower case', `{"t":${entry('f32', '[2]', '[0,8]')}}`, 'unknown dtype "f32"'),
  badJson('dtype of no release', `{"t":${entry('F128', '[1]', '[0,16]')}}`, 'unknown dtype "F128"', 16),
  badJson('dtype named like a property', `{"t":${entry('constructor', '[2]', '[0,8]')}}`, 'unknown dtype'),
  badJson('dtype is a number', '{"t":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}', 'a dtype name'),
  badJson('shape is a number', `{"t":${entry('F32', '2', '[0,8]')}}`, 'an array'),
  badJson('negative dimension', `{"t":${entry('F32', '[-2]', '[0,8]')}}`, 'an integer from 0'),
  badJson('dimension 2.0', `{"t":${entry('F32', '[2.0]', '[0,8]')}}`, 'an integer from 0'),
  badJson('dimension 2e0', `{"t":${entry('F32', '[2e0]', '[0,8]')}}`, 'an integer from 0'),
  badJson('offset -0', `{"t":${entry('F32', '[2]', '[-0,8]')}}`, 'an integer from 0'),
  badJson('offset 08', `{"t":${entry('F32', '[2]', '[0,08]')}}`, '"," or "]"'),
  badJson('dimension 2^64', `{"t":${entry('F32', '[18446744073709551616]', '[0,8]')}}`, '2^64 - 1'),
  badJson('one offset', `{"t":${entry('F32', '[2]', '[8]')}}`, '1 data_offsets'),
  badJson('three offsets', `{"t":${entry('F32', '[2]', '[0,8,8]')}}`, 'more than 2'),
];

const RANGES: readonly RefusedFile[] = [
  {
    name: 'first tensor not at 0',
    file: file(`{"t":${entry('F32', '[2]', '[8,16]')}}`, 16),
    rule: 'InvalidOffset',
    says: 'begins at 0',
  },
  {
    name: 'hole',
    file: file(`{"a":${F32_PAIR},"b":${entry('F32', '[2]', '[12,20]')}}`, 20),
    rule: 'InvalidOffset',
    says: 'begins at 8',
  },
  {
    name: 'overlap',
    file: file(`{"a":${F32_PAIR},"b":${entry('F32', '[2]', '[4,12]')}}`, 12),
    rule: 'InvalidOffset',
    says: 'begins at 8',
  },
  {
    name: 'end before begin',
    file: file(`{"a":${F32_PAIR},"b":${entry('I8', '[0]', '[8,4]')}}`, 8),
    rule: 'InvalidOffset',
    says: '[8, 4]',
  },
  {
    name: 'empty tensor inside another',
    file: file(`{"a":${F32_PAIR},"b":${entry('F32', '[0]', '[4,4]')}}`, 8),
    rule: 'InvalidOffset',
    says: '[4, 4]',
  },
  { name: '10 tensors on one range', file: rangesAtZero(10, '[2,2]', 4), rule: 'InvalidOffset', says: 'begins at 4' },
  {
    name: '100,000 tensors on one range',
    file: rangesAtZero(100_000, '[200,200]', 40_000),
    rule: 'InvalidOffset',
    says: 'begins at 40000',
  },
  {
    name: 'duplicates on different ranges leave a hole',
    file: file(`{"a":${F32_PAIR},"a":${entry('F32', '[2]', '[8,16]')}}`, 16),
    rule: 'InvalidOffset',
    says: 'begins at 0',
  },
  {
    name: 'offsets that doubles cannot tell apart',
    file: file(
      `{"a":${entry('I8', '[9007199254740992]', '[0,9007199254740992]')},"b":${entry('I8', '[1]', '[9007199254740993,9007199254740994]')}}`,
    ),
    rule: 'InvalidOffset',
    says: 'begins at 9007199254740992',
  },
  {
    name: 'product of the shape overflows',
    file: file(`{"t":${entry('F32', `[2,2,${U64_MAX}]`, '[0,8]')}}`, 8),
    rule: 'ValidationOverflow',
    says: '2^64 - 1 bits',
  },
  {
    name: 'product overflows before a zero',
    file: file(`{"t":${entry('F32', `[${U64_MAX},${U64_MAX},0]`, '[0,0]')}}`),
    rule: 'ValidationOverflow',
    says: '2^64 - 1 bits',
  },
  {
    name: 'bits overflow',
    file: file(`{"t":${entry('F32', '[1152921504606846976]', '[0,8]')}}`, 8),
    rule: 'ValidationOverflow',
    says: '2^64 - 1 bits',
  },
  {
    name: 'half a byte',
    file: file(`{"t":${entry('F4', '[1,1]', '[0,1]')}}`, 1),
    rule: 'MisalignedSlice',
    says: '4 bits',
  },
  {
    name: '6-bit elements that end inside a byte',
    file: file(`{"t":${entry('F6_E2M3', '[3]', '[0,3]')}}`, 3),
    rule: 'MisalignedSlice',
    says: '18 bits',
  },
  {
    name: 'F4 of the wrong size',
    file: file(`{"t":${entry('F4', '[1,2]', '[0,2]')}}`, 2),
    rule: 'TensorInvalidInfo',
    says: 'has 1',
  },
  {
    name: 'range too short',
    file: file(`{"t":${entry('F32', '[2]', '[0,4]')}}`, 4),
    rule: 'TensorInvalidInfo',
    says: 'hold 4 bytes',
  },
  {
    name: 'range too long',
    file: file(`{"t":${entry('BF16', '[2,3]', '[0,16]')}}`, 16),
    rule: 'TensorInvalidInfo',
    says: 'BF16 [2, 3] has 12',
  },
  {
    name: 'empty tensor with bytes',
    file: file(`{"t":${entry('F32', '[2,0]', '[0,4]')}}`, 4),
    rule: 'TensorInvalidInfo',
    says: 'has 0',
  },
  { name: 'trailing byte', file: file(`{"t":${F32_PAIR}}`, 9), rule: 'MetadataIncompleteBuffer', says: 'the file has' },
  {
    name: '2 bytes missing',
    file: file(`{"t":${F32_PAIR}}`, 6),
    rule: 'MetadataIncompleteBuffer',
    says: 'the file has',
  },
  {
    name: 'no tensors but bytes',
    file: file('{}', 1),
    rule: 'MetadataIncompleteBuffer',
    says: 'take 10 bytes, the file has 11',
  },
  {
    name: 'a tensor of 2^60 bytes',
    file: file(`{"t":${entry('I8', '[1152921504606846976]', '[0,1152921504606846976]')}}`),
    rule: 'MetadataIncompleteBuffer',
    says: 'the file has',
  },
];

const STRICTER: readonly RefusedFile[] = [
  badJson('entry as an array', '{"t":["F32",[2],[0,8]]}', 'an object'),
  badJson('dtype as a map', '{"t":{"dtype":{"F32":null},"shape":[2],"data_offsets":[0,8]}}', 'a dtype name'),
  badJson('65 dimensions', `{"t":${entry('I8', `[${Array(65).fill(1)}]`, '[0,1]')}}`, '64 dimensions', 1),
  {
    name: 'empty tensor with a dimension above 2^53',
    file: file(`{"t":${entry('F32', `[0,${U64_MAX},${U64_MAX}]`, '[0,0]')}}`),
    rule: 'ValidationOverflow' as const,
    says: U64_MAX,
  },
].map((refused) => ({ ...refused, stricter: true }));

export const REFUSED: readonly RefusedFile[] = [...LENGTHS, ...SYNTAX, ...METADATA, ...FIELDS, ...RANGES, ...STRICTER];
