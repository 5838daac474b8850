import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { METHODS } from '../../kernels/methods/registry.js';
import { isM2MergeError } from '../../src/errors.js';
import { parseRecipe } from '../../src/recipe/parse.js';
import { recipeSchema } from '../../src/recipe/schema.js';
import { expandSweep } from '../../src/sweep/expand.js';
import { readSweep } from '../../src/sweep/load.js';

const fixtures = join(import.meta.dirname, '../fixtures/conformance');
const badFolder = join(import.meta.dirname, 'bad');
const schema = recipeSchema() as { properties: Record<string, unknown>; $id: string };
const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);

/** What an editor sees: plain data of YAML 1.2 with merge keys. */
const dataOf = (text: string): unknown => parse(text, { merge: true, logLevel: 'error' });

function isAccepted(text: string): boolean {
  try {
    parseRecipe(text);
    return true;
  } catch (error) {
    if (isM2MergeError(error, 'recipe-invalid')) return false;
    throw error;
  }
}

function conformanceRecipes(): string[] {
  return ['cases', 'mergelm'].flatMap((kind) =>
    readdirSync(join(fixtures, kind)).map((name) => join(kind, name, 'recipe.yaml')),
  );
}

describe('recipes that run', () => {
  test.each(conformanceRecipes())('%s is valid, and read without a warning', (path) => {
    const text = readFileSync(join(fixtures, path), 'utf8');
    expect(parseRecipe(text).warnings).toEqual([]);
    validate(dataOf(text));
    expect(validate.errors).toBeNull();
  });

  test('with every key and form are valid', () => {
    const text = `
merge_method: ties
base_model: {model: {path: org/base, revision: main}}
models:
  - {model: 2024, parameters: {weight: "0.5", density: [1, 0.2]}}
  - {model: {model: math}, parameters: {weight: {value: 1e-5, filter: mlp}, density: [{value: [true, .5]}]}}
  - {model: code, parameters: null}
parameters: {weight: 1, normalize: yes, rescale: true, trim_scope: model, made_up: 1}
dtype: torch.float16
out_dtype: bf16
output: merged
seed: 7
rounding: stochastic
preset: m2rl
report: off
name: everything
`;
    expect(isAccepted(text)).toBe(true);
    validate(dataOf(text));
    expect(validate.errors).toBeNull();
  });

  test('of slices and modules with everything they take are valid', () => {
    const sources =
      '[{model: base, layer_range: [0, 4]}, {model: {model: a, lora: b}, layer_range: ["4", 8], parameters: {density: 0.5}}]';
    const slices = `slices: [{sources: ${sources}, base_model: base, parameters: {weight: [{filter: "glob:*.mlp.*", value: [0, 1]}, {value: 1}]}, residual_weight: 0.5}]`;
    for (const content of [
      slices,
      `modules: {text: {${slices}, parameters: {lambda: 2}}, vision: {models: [{model: a}]}}`,
    ]) {
      const text = `merge_method: ties\nbase_model: base\n${content}\nparameters: {weight: 1}\n`;
      expect(isAccepted(text)).toBe(true);
      validate(dataOf(text));
      expect(validate.errors).toBeNull();
      const wrong = text.replace('[0, 1]', '[0, high]').replace('lambda: 2', 'lambda: high');
      expect(isAccepted(wrong)).toBe(false);
      expect(validate(dataOf(wrong))).toBe(false);
    }
  });

  test('with tokens and chat templates are valid', () => {
    const head = 'merge_method: linear\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n';
    const forms = [
      'tokenizer_source: union',
      'tokenizer_source: model:org/other@main',
      'tokenizer: {source: base, pad_to_multiple_of: "64", tokens: null}',
      'tokenizer: {source: {model: {path: "a+b"}}, tokens: {x: {}, y: {source: a, force: yes}, z: {source: {kind: zero}}}}',
      'tokenizer: {tokens: {x: {source: {kind: model_token, model: b, token_id: 3}}, y: {source: {model: b}}}}',
      'chat_template: auto',
      'chat_template: templates/mine.jinja',
      'chat_template: "{% for message in messages %}{{ message.content }}{% endfor %}"',
    ];
    for (const form of forms) {
      expect(isAccepted(head + form)).toBe(true);
      validate(dataOf(head + form));
      expect(validate.errors).toBeNull();
    }
    for (const wrong of [
      'tokenizer: union',
      'tokenizer: {pad_to_multiple_of: -1}',
      'tokenizer: {tokens: {x: {force: 2}}}',
    ]) {
      expect(isAccepted(head + wrong)).toBe(false);
      expect(validate(dataOf(head + wrong))).toBe(false);
    }
  });

  test('as published with layer stacks under anchors, merge keys and gradients', () => {
    const text = `
slices:
  - sources:
      - &first {model: math, layer_range: [0, 2]}
  - sources:
      - <<: *first
        layer_range: [1, 3]
        parameters: &half {scale: 5e-1}
  - sources:
      - {<<: *first, parameters: {<<: *half}}
merge_method: passthrough
dtype: float16
`;
    const recipe = parseRecipe(text);
    expect(recipe.warnings).toEqual([]);
    const sources = recipe.modules[0]!.slices.map((slice) => slice.sources[0]!);
    expect(sources.map(({ range }) => [range!.begin, range!.end])).toEqual([
      [0, 2],
      [1, 3],
      [0, 2],
    ]);
    expect(sources.map(({ levels }) => levels[0]!.get('scale')?.entries)).toEqual([
      undefined,
      [{ values: [0.5] }],
      [{ values: [0.5] }],
    ]);
    validate(dataOf(text));
    expect(validate.errors).toBeNull();
  });
});

describe('bad recipes', () => {
  /** Mistakes that a schema cannot see: of YAML itself, between places, or in how a value is spelt. */
  const beyond = new Set([
    'alias-of-itself', // A schema would follow the circle for ever.
    'merge-of-itself',
    'base-spelt-otherwise',
    'duplicate-merge-key',
    'filter-glob-open',
    'filter-glob-range',
    'filter-regex-empty',
    'filter-regex-invalid',
    'filter-regex-repeats',
    'filter-regex-ways',
    'module-weight-missing',
    'parameters-beside-model',
    'passthrough-with-base',
    'range-backwards',
    'range-lengths-differ',
    'slice-lacks-base',
    'slice-lacks-own-base',
    'slerp-base-elsewhere',
    'slice-too-many-sources',
    'slice-weight-missing',
    'slices-base-missing',
    'slices-without-base',
    'slices-without-layers',
    'weight-missing',
    'weight-missing-for-appended-base',
    'weight-misspelt',
    'tag',
    'token-source-not-merged',
    'two-documents',
    'sweep', // One schema serves both commands.
    'weight-odd-numbers', // 0x10 and 010 are numbers of YAML 1.2; the other lines are seen.
  ]);
  const names = readdirSync(badFolder).flatMap((name) => (name.endsWith('.yaml') ? [name.slice(0, -5)] : []));
  const readable = names.filter((name) => {
    if (beyond.has(name)) return false;
    try {
      dataOf(readFileSync(join(badFolder, `${name}.yaml`), 'utf8'));
      return true;
    } catch {
      return false;
    }
  });

  test('are mostly within reach of a schema', () => {
    expect(readable.length).toBeGreaterThan(40);
  });

  test.each(readable)('%s is invalid', (name) => {
    expect(validate(dataOf(readFileSync(join(badFolder, `${name}.yaml`), 'utf8')))).toBe(false);
  });
});

describe('sweeps', () => {
  const evaluate = (more: string) => `evaluate: {command: [node, eval.mjs, "{model}"], ${more}}`;
  const lambda = 'parameters: {lambda: [0.3, 0.6]}';
  test.each([
    ['{}', false],
    ['{parameters: {}}', false],
    ['{parameters: null, variants: null}', false],
    ['{keep: none}', false],
    ['{variants: []}', false],
    [`{${lambda}}`, true],
    ['{parameters: {lambda: []}}', false],
    ['{parameters: {}, variants: [{lambda: 0.3}]}', true],
    ['{parameters: null, variants: [{}, {lambda: 0.3, seed: ~}]}', true],
    ['{parameters: {lambda: {minimum: 0, maximum: 1}}, sample: {n: 3}}', true],
    [`{${lambda}, ${evaluate('maximize: math')}}`, true],
    [`{${lambda}, ${evaluate('maximize: math, minimize: ~')}}`, true],
    [`{${lambda}, ${evaluate('maximize: math, minimize: loss')}}`, false],
    [`{${lambda}, evaluate: {maximize: math}}`, false],
    [`{${lambda}, ${evaluate('shell: no')}}`, true],
    [`{${lambda}, ${evaluate('shell: yes')}}`, false],
    [`{${lambda}, ${evaluate('shell: true')}}`, false],
    [`{${lambda}, evaluate: {command: 'node eval.mjs {model}', shell: true}}`, true],
  ])('%s is for the schema what it is for the reader', (sweep, isRight) => {
    const text = recipeWith(sweep);
    const expand = () => expandSweep(text, {}, readSweep(text, {}, []).section);
    if (isRight) expect(expand).not.toThrow();
    else expect(expand).toThrow();
    expect(validate(dataOf(text))).toBe(isRight);
  });

  test('an evaluation alone is right where the command line or an optimiser says what to try', () => {
    const text = recipeWith(`{${evaluate('maximize: math')}}`);
    expect(validate(dataOf(text))).toBe(true);
    expect(readSweep(text, {}, [{ setting: 'lambda', values: ['0.3'] }]).section.axes).toHaveLength(1);
    expect(readSweep(text, {}, [], true).section.axes).toEqual([]);
  });

  const recipeWith = (sweep: string): string =>
    `merge_method: ties
base_model: base
models: [{model: math}]
parameters: {weight: 1}
sweep: ${sweep}
`;
});

describe('schema and reader', () => {
  const scalar = fc.oneof(
    fc.double({ min: -0.5, max: 1.5, noNaN: true }),
    fc.constantFrom(0, 1, true, false, null, '0.5', '.5e-1', 'yes', 'maybe', 'mlp', '', '1,5'),
  );
  const { value } = fc.letrec((tie) => ({
    entry: fc.record({ value: tie('value'), filter: fc.constantFrom('mlp', '*', '', null, 3) }, { requiredKeys: [] }),
    value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('entry')),
  }));

  test.each(['density', 'normalize', 'rescale', 'weight'])('agree on any value of %s', (parameter) => {
    fc.assert(
      fc.property(value, (written) => {
        const recipe = {
          merge_method: 'ties',
          base_model: 'base',
          models: [{ model: 'math', parameters: { weight: 1 } }],
          parameters: { [parameter]: written },
        };
        expect(validate(recipe)).toBe(isAccepted(JSON.stringify(recipe)));
      }),
      { numRuns: 100 },
    );
  });

  test.each(Object.keys(schema.properties))('agree on any scalar under %s', (key) => {
    fc.assert(
      fc.property(
        fc.oneof(scalar, fc.constantFrom(-1, 1.5, 'linear', 'nearest', 'm2rl', 'fp16', '12', '-3', [])),
        (written) => {
          const models = [{ model: 'math', parameters: { weight: 1 } }];
          const recipe = { merge_method: 'linear', models, parameters: { weight: 1 }, [key]: written };
          expect(validate(recipe)).toBe(isAccepted(JSON.stringify(recipe)));
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each(METHODS.map(({ name }) => name))('%s has its parameters with their summaries', (name) => {
    const rules = JSON.stringify(schema);
    for (const { summary } of METHODS.find((method) => method.name === name)!.parameters) {
      expect(rules).toContain(JSON.stringify(summary));
    }
  });

  test('the schema does not name a host', () => {
    expect(schema.$id).toBe('urn:m2merge:recipe');
    expect(recipeSchema()).not.toBe(recipeSchema());
  });
});
