/** Whole numbers in a config that were written as floats: Python reads them as such again, however large they are. */
import { expect, test } from 'vitest';
import { parseConfig, updateConfig } from '../../src/checkpoint/config.js';

test.each([
  [3, '3.0'],
  [-1e20, '-100000000000000000000.0'],
  [1e21, '1e+21'],
  [-1e300, '-1e+300'],
])('%d is written as %s', (value, text) => {
  const config = updateConfig('{"n": [0.5]}', { fields: [{ section: [], key: 'n', value: [value] }] });
  expect(config).toBe(`{"n": [${text}]}`);
  expect(parseConfig(config, 'config.json')).toEqual({ n: [value] });
});
