/** Kinds of modules are told from the names that tensors have in published checkpoints. */
import { describe, expect, it } from 'vitest';
import { MODULE_TYPES, moduleTypeOf } from '../../src/geometry/module-type.js';
import { MODULE_NAMES } from './module-names.js';

describe.each(Object.entries(MODULE_NAMES))('%s', (_, names) => {
  const expected = Object.entries(names).flatMap(([type, list]) => list.map((name) => [name, type] as const));

  it.each(expected)('%s is %s', (name, type) => {
    expect(moduleTypeOf(name)).toBe(type);
  });
});

it('each kind has a name among them', () => {
  const named = new Set(Object.values(MODULE_NAMES).flatMap((names) => Object.keys(names)));
  expect(MODULE_TYPES.filter((type) => !named.has(type))).toEqual([]);
});

it.each(['', '.', 'weight', '0', '0.weight', '__proto__', 'constructor.weight', '<script>'])('%j is other', (name) => {
  expect(moduleTypeOf(name)).toBe('other');
});
