import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distinctNames, shortNames } from '../../src/report/distinct-names.js';

describe('names where room is short', () => {
  it.each([
    [
      'folders that all begin and end alike',
      ['./runs/math/checkpoint-200', './runs/code/checkpoint-200'],
      ['math', 'code'],
    ],
    ['folders at different depths', ['./a/very/deep/model', './b/model'], ['a/very/deep', 'b']],
    ['repositories of one organization', ['org/llama-8b-math', 'org/llama-8b-if'], ['math', 'if']],
    ['words within a name', ['qwen3-4b-grpo-math-v2', 'qwen3-4b-grpo-code-v2'], ['math', 'code']],
    ['revisions', ['org/model-name@main', 'org/model-name@step-1'], ['main', 'step-1']],
    ['a name that is a part of another', ['./experts/math', './experts/math/final'], ['math', 'math/final']],
    ['one name alone', ['./runs/math/checkpoint-200'], ['./runs/math/checkpoint-200']],
    ['names that fit', ['./math', './code'], ['./math', './code']],
  ])('keep what tells them apart: %s', (_, names, shown) => {
    expect(distinctNames(names, 10)).toEqual(shown);
  });

  it('stay as different as they were, and never get longer', () => {
    const word = fc.constantFrom('a', 'run', 'math', 'checkpoint-200', '', '.', '@x');
    const name = fc.array(word, { minLength: 1, maxLength: 6 }).map((words) => words.join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 6 }), fc.nat(12), (names, most) => {
        const shown = distinctNames(names, most);
        expect(new Set(shown).size).toBe(names.length);
        for (const [i, label] of shown.entries()) expect(names[i]).toContain(label);
      }),
    );
  });

  it('are cut in the middle where that is not enough', () => {
    const shortName = shortNames(['./x/abcdefghijklmnop', './x/zyxwvutsrqponml']);
    expect(shortName('./x/abcdefghijklmnop', 7)).toBe('abc…nop');
    expect(shortName('unknown', 7)).toBe('unknown');
  });
});
