import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareUtf8 } from '../../src/checkpoint/order.js';

test('orders as the UTF-8 bytes do', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, text, (common, a, b) => {
      const expected = Buffer.compare(Buffer.from(common + a), Buffer.from(common + b));
      expect(Math.sign(compareUtf8(common + a, common + b))).toBe(expected);
    }),
  );
});

test('puts astral characters after the end of the basic plane, unlike code unit order', () => {
  expect(compareUtf8('\u{1f600}', '\uffff')).toBeGreaterThan(0);
  expect('\u{1f600}' < '\uffff').toBe(true);
});
