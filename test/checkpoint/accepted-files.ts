/** Files that a reader must take although they look odd, as the reference implementation does. Data only. */
import { entry, F32_PAIR, file } from './header-text.js';

export interface AcceptedFile {
  readonly name: string;
  readonly file: Uint8Array;
  /** Name, dtype, shape and range from the end of the header, in offset order. */
  readonly tensors: readonly (readonly [string, string, readonly number[], number, number])[];
}

const PAIR = ['t', 'F32', [2], 0, 8] as const;

export const ACCEPTED: readonly AcceptedFile[] = [
  { name: 'no tensors', file: file('{}'), tensors: [] },
  { name: 'whitespace around', file: file(' \t\r\n{} \n\t\r'), tensors: [] },
  { name: 'only metadata', file: file('{"__metadata__":{"format":"pt"}}'), tensors: [] },
  { name: 'metadata null', file: file(`{"__metadata__":null,"t":${F32_PAIR}}`, 8), tensors: [PAIR] },
  { name: 'unpadded header', file: file(`{"t":${F32_PAIR}}`, 8), tensors: [PAIR] },
  {
    name: 'extra fields',
    file: file('{"t":{"x":[{"dtype":1}],"x":1,"shape":[2],"data_offsets":[0,8],"dtype":"F32"}}', 8),
    tensors: [PAIR],
  },
  { name: 'scalar', file: file(`{"t":${entry('F32', '[]', '[0,4]')}}`, 4), tensors: [['t', 'F32', [], 0, 4]] },
  {
    name: 'empty tensors at the boundaries',
    file: file(`{"z":${entry('F32', '[0]', '[8,8]')},"t":${F32_PAIR},"a":${entry('I64', '[3,0]', '[0,0]')}}`, 8),
    tensors: [['a', 'I64', [3, 0], 0, 0], PAIR, ['z', 'F32', [0], 8, 8]],
  },
  {
    name: 'F64 at byte 1, entries in reverse',
    file: file(`{"b":${entry('F64', '[1]', '[1,9]')},"a":${entry('BOOL', '[1]', '[0,1]')}}`, 9),
    tensors: [
      ['a', 'BOOL', [1], 0, 1],
      ['b', 'F64', [1], 1, 9],
    ],
  },
  {
    name: 'integer-like names out of order',
    file: file(
      `{"10":${entry('U8', '[1]', '[0,1]')},"9":${entry('U8', '[1]', '[1,2]')},"1":${entry('U8', '[1]', '[2,3]')}}`,
      3,
    ),
    tensors: [
      ['10', 'U8', [1], 0, 1],
      ['9', 'U8', [1], 1, 2],
      ['1', 'U8', [1], 2, 3],
    ],
  },
  {
    name: 'names that are properties, empty, or NUL',
    file: file(
      `{"__proto__":${entry('U8', '[1]', '[0,1]')},"":${entry('U8', '[1]', '[1,2]')},"\\u0000":${entry('U8', '[1]', '[2,3]')},"constructor":${entry('U8', '[1]', '[3,4]')}}`,
      4,
    ),
    tensors: [
      ['__proto__', 'U8', [1], 0, 1],
      ['', 'U8', [1], 1, 2],
      ['\0', 'U8', [1], 2, 3],
      ['constructor', 'U8', [1], 3, 4],
    ],
  },
  {
    name: 'duplicates on one range, the last counts',
    file: file(`{"t":${entry('I64', '[1]', '[0,8]')},"\\u0074":${F32_PAIR}}`, 8),
    tensors: [PAIR],
  },
  {
    name: 'packed 4-bit and 6-bit elements',
    file: file(`{"a":${entry('F4', '[2,3]', '[0,3]')},"b":${entry('F6_E3M2', '[4]', '[3,6]')}}`, 6),
    tensors: [
      ['a', 'F4', [2, 3], 0, 3],
      ['b', 'F6_E3M2', [4], 3, 6],
    ],
  },
  {
    name: '64 dimensions',
    file: file(`{"t":${entry('I8', `[${Array(64).fill(1)}]`, '[0,1]')}}`, 1),
    tensors: [['t', 'I8', Array(64).fill(1), 0, 1]],
  },
];
