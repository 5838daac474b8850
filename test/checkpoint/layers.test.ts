import { expect, test } from 'vitest';
import { largestStack, parseLayer } from '../../src/checkpoint/layers.js';

/** With elements: the vision tower has the larger layers, the language model more in all. */
const SIZES = [
  ['model.embed_tokens.weight', 1000],
  ['model.layers.0.self_attn.q_proj.weight', 6],
  ['model.layers.11.mlp.experts.17.w1.weight', 6],
  ['model.visual.blocks.2.attn.qkv.weight', 10],
  ['lm_head.weight', 1000],
] as const;

test.each([
  ['model.layers.0.self_attn.q_proj.weight', { prefix: 'model.layers', index: 0 }],
  ['model.layers.11.mlp.experts.17.w1.weight', { prefix: 'model.layers', index: 11 }],
  ['model.visual.blocks.2.attn.qkv.weight', { prefix: 'model.visual.blocks', index: 2 }],
  ['model.embed_tokens.weight', undefined],
  ['lm_head.weight', undefined],
])('%s', (name, expected) => {
  expect(parseLayer(name)).toEqual(expected);
});

test('are those of the stack that has most elements', () => {
  const layerOf = largestStack(SIZES);
  expect(SIZES.map(([name]) => layerOf(name))).toEqual([undefined, 0, 11, undefined, undefined]);
  expect(layerOf('other.layers.0.weight')).toBeUndefined();
  expect(largestStack([])('model.layers.0.weight')).toBeUndefined();
});

test.each(['', '.', '...', 'a.1b.c', 'a.-1.b', 'a.01.b', 'a.99999999999999999999.b', 'a.1e3.b', 'a.٣.b'])(
  '%j has no layer',
  (name) => {
    expect(parseLayer(name)).toBeUndefined();
  },
);

test('takes names that are only a number, and prefixes that are property names', () => {
  const names = ['3', '__proto__.4.weight', 'constructor.0'];
  expect(names.map((name) => parseLayer(name))).toEqual([
    { prefix: '', index: 3 },
    { prefix: '__proto__', index: 4 },
    { prefix: 'constructor', index: 0 },
  ]);
});
