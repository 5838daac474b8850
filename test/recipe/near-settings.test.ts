/** Settings that are nearly equal are not the same: work is grouped by them. */
import { expect, test } from 'vitest';
import { findMethod } from '../../kernels/methods/registry.js';
import { parseRecipe } from '../../src/recipe/parse.js';
import { createResolver } from '../../src/recipe/resolve.js';

function weightsOf(gradient: string, ...places: readonly number[]) {
  const models = `models: [{model: a, parameters: {weight: ${gradient}}}]`;
  const recipe = parseRecipe(`merge_method: linear\n${models}\n`);
  const resolver = createResolver(recipe, findMethod('linear')!);
  const [source] = recipe.modules[0]!.slices[0]!.sources;
  return places.map((t) => resolver.forSource(source!, 'model.layers.0.mlp.up_proj.weight', t));
}

test.each([1e-7, 1e-12, 1e-300])('a gradient from 0 to %d has both ends', (end) => {
  const [first, last] = weightsOf(`[0, ${end}]`, 0, 1);
  expect([first!.weight, last!.weight]).toEqual([0, end]);
});

test('neighbours that differ in the last digit are told apart, and equal ones are one object', () => {
  const [one, next, again] = weightsOf('[1, 1.0000000000000002]', 0, 1, 0);
  expect(next!.weight).toBeGreaterThan(one!.weight as number);
  expect(again).toBe(one);
});
