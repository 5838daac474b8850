import { expect, test } from 'vitest';
import { createLayerIndex } from '../../src/checkpoint/layers.js';

const NAMES = [
  'model.embed_tokens.weight',
  'model.layers.0.self_attn.q_proj.weight',
  'model.layers.11.mlp.experts.17.w1.weight',
  'model.visual.blocks.2.attn.qkv.weight',
  'lm_head.weight',
];
const { layerOf } = createLayerIndex(NAMES);

test.each([
  ['model.layers.0.self_attn.q_proj.weight', { prefix: 'model.layers', index: 0, count: 12 }],
  ['model.layers.11.mlp.experts.17.w1.weight', { prefix: 'model.layers', index: 11, count: 12 }],
  ['model.visual.blocks.2.attn.qkv.weight', { prefix: 'model.visual.blocks', index: 2, count: 3 }],
  ['model.embed_tokens.weight', undefined],
  ['lm_head.weight', undefined],
])('%s', (name, expected) => {
  expect(layerOf(name)).toEqual(expected);
});

test('knows no layers that the model does not have', () => {
  expect(layerOf('model.layers.12.self_attn.q_proj.weight')).toBeUndefined();
  expect(layerOf('other.layers.0.weight')).toBeUndefined();
});

test.each(['', '.', '...', 'a.1b.c', 'a.-1.b', 'a.01.b', 'a.99999999999999999999.b', 'a.1e3.b', 'a.٣.b'])(
  '%j has no layer',
  (name) => {
    expect(createLayerIndex([name]).layerOf(name)).toBeUndefined();
  },
);

test('takes names that are only a number, and prefixes that are property names', () => {
  const names = ['3', '__proto__.4.weight', 'constructor.0'];
  const index = createLayerIndex(names);
  expect(names.map((name) => index.layerOf(name))).toEqual([
    { prefix: '', index: 3, count: 4 },
    { prefix: '__proto__', index: 4, count: 5 },
    { prefix: 'constructor', index: 0, count: 1 },
  ]);
});
