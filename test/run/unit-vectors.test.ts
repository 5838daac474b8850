/** Which inputs of a unit are read. */
import { expect, it } from 'vitest';
import { type InputVector, usedInputs } from '../../src/run/unit-vectors.js';

const input = (name: string) => ({ raw: 0, values: 0, nonFinite: 0, dtype: 'BF16', name }) as unknown as InputVector;
const [base, first, second, third] = ['base', 'first', 'second', 'third'].map(input);
const vectors = { base, operands: [first!, second!, third!], origin: base };

it('reads what somebody looks at, in the order of the inputs', () => {
  expect(usedInputs(vectors, [{ operands: [third!, first!] }])).toEqual([base, first, third]);
  // Indices are those of the taker's own operands.
  expect(usedInputs(vectors, [{ operands: [third!, first!], unused: new Set([0]) }])).toEqual([base, first]);
  const others = [
    { operands: [first!, second!], unused: new Set([0]) },
    { operands: [first!, third!], unused: new Set([1]) },
  ];
  expect(usedInputs(vectors, others)).toEqual([base, first, second]);
});

it('reads what the others are differences to, although nobody looks at it', () => {
  const anchored = { base: undefined, operands: [first!, second!, third!], origin: first };
  const taker = { operands: [first!, second!, third!], unused: new Set([0, 2]) };
  expect(usedInputs(anchored, [taker])).toEqual([first, second]);
});
