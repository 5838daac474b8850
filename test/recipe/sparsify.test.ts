/** The key `sparsify`: a mapping of its own, under parameters or at the top, for all models or for one. */
import { describe, expect, it } from 'vitest';
import { findMethod } from '../../kernels/methods/registry.js';
import { parseRecipe } from '../../src/recipe/parse.js';
import { createResolver } from '../../src/recipe/resolve.js';
import { describeWarning } from '../../src/warnings.js';
import { problemsOf } from './problems-of.js';

const recipe = (text: string) => parseRecipe(`base_model: b\nmodels: [{model: x}, {model: y}]\n${text}`);

function settingsOf(text: string) {
  const parsed = recipe(text);
  const resolver = createResolver(parsed, findMethod(parsed.method)!);
  const slice = parsed.modules[0]!.slices[0]!;
  const pick = (settings: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(settings).filter(([name]) => name.startsWith('sparsify.')));
  return { merge: pick(resolver.forSlice(slice, 't', 0)), model: pick(resolver.forSource(slice.sources[0]!, 't', 0)) };
}

describe('sparsify', () => {
  it('is none unless given', () => {
    expect(settingsOf('merge_method: ram')).toEqual({ merge: {}, model: {} });
  });

  for (const [place, text] of [
    ['at the top', 'merge_method: ram\nsparsify: {method: dare, density: 0.8, rescale: density}'],
    ['under parameters', 'merge_method: ram\nparameters: {sparsify: {method: dare, density: 0.8, rescale: density}}'],
  ] as const) {
    it(place, () => {
      const { merge, model } = settingsOf(text);
      expect(merge).toEqual({ 'sparsify.method': 'dare', 'sparsify.rescale': 'density' });
      expect(model).toMatchObject({ 'sparsify.density': 0.8 });
    });
  }

  it('of one model before that of all, with gradients and filters as elsewhere', () => {
    const text = `merge_method: ram
base_model: b
models:
- {model: x, parameters: {sparsify: {density: [0.2, 0.4]}}}
- {model: y}
sparsify: {method: magnitude, density: 0.5}`;
    const parsed = parseRecipe(text);
    const resolver = createResolver(parsed, findMethod('ram')!);
    const [x, y] = parsed.modules[0]!.slices[0]!.sources;
    expect(resolver.forSource(x!, 't', 0.5)['sparsify.density']).toBeCloseTo(0.3, 12);
    expect(resolver.forSource(y!, 't', 0.5)['sparsify.density']).toBe(0.5);
  });

  it('preset m2rl keeps 0.8 and divides by it', () => {
    const { merge, model } = settingsOf('merge_method: ties\npreset: m2rl\nsparsify: {method: dare}');
    expect(merge['sparsify.rescale']).toBe('density');
    expect(model['sparsify.density']).toBe(0.8);
  });

  it('mistakes are found at their place', () => {
    const { message } = problemsOf(() => recipe('merge_method: ram\nsparsify: {method: dar}'));
    expect(message).toMatch(/^<recipe>:4:20: sparsify\.method: .*did you mean "dare"\?/);
  });

  it('without a method it says so', () => {
    const { message } = problemsOf(() => recipe('merge_method: ram\nsparsify: {density: 0.5}'));
    expect(message).toContain('sparsify: names no method (write method: dare, magnitude');
  });

  it.each([
    ['parameters: {sparsify: {density: 0.5}}', /:4:\d+: parameters\.sparsify\.density: names no method/],
    ['parameters: {sparsify: {methd: dare, density: 0.5}}', /:4:\d+: parameters\.sparsify\.density: names no method/],
    [
      'sparsify: {method: dare, density: 0.5}\nparameters: {sparsify: {method: magnitude, density: 0.1}}',
      /:4:\d+: sparsify\.method: is given twice, under sparsify and under parameters\n.*:4:\d+: sparsify\.density: is given twice/,
    ],
  ])('is refused: %s', (front, says) => {
    expect(problemsOf(() => recipe(`merge_method: ram\n${front}`)).message).toMatch(says);
  });

  it('of one model alone, whose method nobody names, is refused', () => {
    const text = `merge_method: ram
base_model: b
models: [{model: x, parameters: {sparsify: {density: 0.25}}}, {model: y}]`;
    expect(problemsOf(() => parseRecipe(text)).message).toMatch(
      /:3:54: models\[0\].*sparsify\.density: names no method/,
    );
  });

  it('unknown names in it are warned of, and all of it where weights are merged', () => {
    const warned = (text: string) =>
      recipe(text).warnings.map(({ kind, facts }) => [kind, (facts as { key?: string }).key]);
    expect(warned('merge_method: ram\nsparsify: {method: dare, densty: 1}')).toHaveLength(1);
    expect(warned('merge_method: linear\nparameters: {weight: 1}\nsparsify: {method: dare}')).toContainEqual([
      'ignored-key',
      'sparsify.method',
    ]);
  });
});

describe('a parameter that the sparsifier does not read', () => {
  const warned = (text: string): string[] => recipe(text).warnings.map(describeWarning);

  it.each([
    ['method: dare, density: 0.8, gamma: 0.3, epsilon: 0.4', ['sparsify.gamma', 'sparsify.epsilon'], 'dare'],
    ['method: breadcrumbs, gamma: 0.3, epsilon: 0.4', ['sparsify.epsilon'], 'breadcrumbs'],
    ['method: della, gamma: 0.3, epsilon: 0.04', ['sparsify.gamma'], 'della'],
    ['method: none, density: 0.3, rescale: l1', ['sparsify.density', 'sparsify.rescale'], 'none'],
  ])('is warned of: %s', (front, keys, name) => {
    const found = warned(`merge_method: ram\nsparsify: {${front}}`);
    expect(found).toEqual(
      keys.map((key) => expect.stringContaining(`"${key}" is ignored: sparsify.method ${name} does not use it`)),
    );
    const { merge, model } = settingsOf(`merge_method: ram\nsparsify: {${front}}`);
    for (const key of keys) expect({ ...merge, ...model }).not.toHaveProperty([key]);
  });

  it('of one model is too, unless another sparsifier has it for other tensors', () => {
    const own = `models: [{model: x, parameters: {sparsify: {gamma: 0.2}}}, {model: y}]`;
    const text = (method: string) => `merge_method: ram\nsparsify: {method: ${method}}\n`;
    const read = (method: string) =>
      parseRecipe(`base_model: b\n${text(method)}${own}`, {}).warnings.map(describeWarning);
    expect(read('dare')).toEqual([expect.stringContaining('sparsify.gamma')]);
    expect(read('[{filter: mlp, value: breadcrumbs}, {value: dare}]')).toEqual([]);
  });
});
