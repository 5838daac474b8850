/** Filters of parameters: mergekit's parts of names, and patterns. */
import { describe, expect, test } from 'vitest';
import { compileFilter } from '../../src/recipe/filter.js';

const Q3 = 'model.layers.3.self_attn.q_proj.weight';
const UP12 = 'model.layers.12.mlp.up_proj.weight';
const HEAD = 'lm_head.weight';

/** Which of the three names a filter is for. */
function matched(filter: string): string[] {
  const compiled = compileFilter(filter);
  if (typeof compiled !== 'function') throw new Error(compiled.problem);
  return Object.entries({ Q3, UP12, HEAD }).flatMap(([key, name]) => (compiled(name) ? [key] : []));
}

test.each([
  ['', ['Q3', 'UP12', 'HEAD']],
  ['*', ['Q3', 'UP12', 'HEAD']],
  ['mlp', ['UP12']],
  ['.weight', ['Q3', 'UP12', 'HEAD']],
  ['q_proj|up_proj', []],
  ['layers.*', []],
  ['regex:q_proj|up_proj', ['Q3', 'UP12']],
  ['regex:^lm_head', ['HEAD']],
  ['regex:layers\\.(?:[0-9]|1[01])\\.', ['Q3']],
  ['regex:layers\\.\\d{2,}\\.', ['UP12']],
  ['regex:(?<!mlp\\.)(?:q|up)_proj', ['Q3']],
  [
    'regex:^model\\.layers\\.(?:[0-9]|1[0-9])\\.(?:self_attn|mlp)\\.(?:q|k|v|o|gate|up|down)_proj\\.(?:weight|bias)$',
    ['Q3', 'UP12'],
  ],
  ['regex:layers\\.[1-9]?[0-9]\\..*_(?:proj|norm)\\..+', ['Q3', 'UP12']],
  ['glob:*_proj.weight', ['Q3', 'UP12']],
  ['glob:model.layers.?.*', ['Q3']],
  ['glob:*.{q,k}_proj.weight', ['Q3']],
  ['glob:model.layers.[!0-9]*', []],
  ['glob:*.[1-3][0-9].*', ['UP12']],
  ['glob:lm_head', []],
  ['glob:{a-b,lm_head}.w[e-f]ight', ['HEAD']],
  ['glob:lm?head.weight', ['HEAD']],
])('%j', (filter, names) => {
  expect(matched(filter)).toEqual(names);
});

describe('refused', () => {
  test.each([
    ['regex:', 'empty'],
    ['regex:(q', 'not a regular expression: Unterminated group'],
    ['regex:(a+)+$', 'groups that repeat'],
    ['regex:(a|aa){2,}$', 'groups that repeat'],
    ['regex:.*.*.*.*.*.*x', 'more than 4 parts that repeat'],
    [`regex:${'a'.repeat(201)}`, 'longer than 200'],
    ['glob:', 'empty'],
    ['glob:model.[ab', 'not closed'],
    ['glob:{q,k', 'not closed'],
    ['glob:*a*a*a*a*a*b', 'more than 4 stars'],
    ['glob:[z-a]*', 'not a pattern: Range out of order'],
    ['glob:[a--]*', 'not a pattern: Range out of order'],
    [`regex:${'.?'.repeat(20)}x`, 'too many ways'],
    [`regex:${'.{0,50}'.repeat(4)}.?.?x`, 'too many ways'],
    [`regex:${'(?:.|..)'.repeat(20)}x`, 'too many ways'],
    [`regex:${'(?:.|..)?'.repeat(12)}x`, 'too many ways'],
    [`regex:${'(?:.??.?){9}'}.?x`, 'too many ways'],
    [`regex:${'(?<a>(?:a|aa)|(?:a|aa))'.repeat(1)}${'(a|)'.repeat(18)}x`, 'too many ways'],
    [`glob:${'{a,aa}'.repeat(26)}`, 'too many ways'],
    ['regex:(?:(?:.?.{1,30}(?:.?.*.?|.?.*|.{1,30}..*.){3}){2}){3}x', 'too many ways'],
  ])('%j', (filter, problem) => {
    expect(compileFilter(filter)).toEqual({ problem: expect.stringContaining(problem) });
  });

  test('is no plain part of a name, however odd', () => {
    expect(matched('(a+)+$')).toEqual([]);
    expect(matched('proj.weight')).toEqual(['Q3', 'UP12']);
  });
});

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('taken, as people write them', () => {
  test.each([
    'regex:.*q_proj.*|.*k_proj.*',
    'regex:.*norm.*|.*bias.*|lm_head',
    String.raw`regex:^model\.layers\.\d+\.self_attn\..*$|^model\.layers\.\d+\.mlp\..*$`,
    String.raw`regex:.*layers\.(${upTo(32).join('|')})\..*_proj.*`,
    String.raw`regex:^(?:language_model\.)?(?:model\.)?layers\.\d+\..*\.experts\.\d+\..*\.weight$`,
    String.raw`regex:.*layers\.\d+\..*(input|post_attention|post_feedforward)_layernorm.*`,
    `regex:.*(self_attn|mlp).*(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)?.*`,
    String.raw`regex:^(?:(?:base_model\.)?model\.)?(?:model\.)?layers\.\d+\..*_proj\.(?:weight|bias)$`,
    String.raw`regex:^(?!.*(?:vision|norm|bias)).*\.layers\.\d+\..*`,
    String.raw`regex:\.layers\.(?:\d|1\d|2[0-3])\.`,
    `glob:*.layers.{${upTo(32)}}.*_proj.*`,
    `glob:*.layers.*.experts.{${upTo(24)}}.*`,
    'glob:*.layers.*.*.{weight,weight_scale}*',
    'glob:*layers.*.{mlp,moe,mamba}.*.*',
    'glob:*layer*{input_layernorm,input_norm}*weight*',
  ])('%s', (filter) => {
    expect(compileFilter(filter)).toBeTypeOf('function');
  });
});

test('the slowest patterns allowed end soon', () => {
  const name = 'a'.repeat(120);
  const optional = `regex:^${'a?'.repeat(16)}b`;
  for (const filter of ['regex:^a*a*a*a*b', 'regex:^.*.*.*.*x', 'glob:*a*a*a*b', optional]) {
    const compiled = compileFilter(filter);
    expect(typeof compiled === 'function' && compiled(name)).toBe(false);
  }
});
