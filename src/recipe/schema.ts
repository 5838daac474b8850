/** The JSON Schema (draft-07) of recipes, for editors: made from the tables that the reader itself works by. */
import { type Method, PRESETS } from '../../kernels/method.js';
import { FRONT, FRONT_PARAMETERS } from '../../kernels/methods/in-front.js';
import { METHODS } from '../../kernels/methods/registry.js';
import type { Parameter } from '../../kernels/parameters.js';
import { RECIPE_KEYS } from './keys.js';
import { parameterShape } from './parameters.js';
import { DEFAULT_PRESET, defaultOf } from './presets.js';
import { type JsonSchema, notBothSchema, recordSchema } from './shapes.js';

/** A name rather than an address: the schema is not published anywhere. */
const SCHEMA_ID = 'urn:m2merge:recipe';

/** What may stand in front of a method; no method has this name. */
const SPARSIFY = { $ref: '#/definitions/sparsify' };

/**
 * JSON Schema of a recipe. Unknown keys are allowed, as they are in a recipe; which parameters there are, and whether a
 * base is needed, follows `merge_method`. A fresh object, the caller's to change.
 */
export function recipeSchema(): object {
  const recipe = recordSchema(RECIPE_KEYS);
  const names = METHODS.flatMap(namesOf);
  const properties = recipe.properties as Readonly<Record<string, JsonSchema>>;
  return structuredClone({
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: SCHEMA_ID,
    title: 'm2merge recipe',
    ...recipe,
    properties: { ...properties, merge_method: { description: RECIPE_KEYS.merge_method.summary, enum: names } },
    allOf: [notBothSchema('tokenizer_source', 'tokenizer'), ...METHODS.map(methodRule)],
    definitions: { ...Object.fromEntries(METHODS.flatMap(definitionsOf)), sparsify: frontSchema() },
  });
}

const namesOf = (method: Method): readonly string[] => [method.name, ...(method.aliases ?? [])];

function methodRule(method: Method): JsonSchema {
  const presets = PRESETS.filter((preset) => method.presets[preset] !== undefined);
  const presetNeeded = method.presets[DEFAULT_PRESET] === undefined;
  const baseNeeded = method.space === 'taskVectors';
  const required = presetNeeded ? ['preset'] : [];
  const rule = {
    properties: {
      merge_method: { description: `${method.title}. ${method.summary} ${method.equation}` },
      ...(baseNeeded ? { base_model: { not: { type: 'null' } } } : {}),
      preset: { enum: [...presets, ...(presetNeeded ? [] : [null])] },
      ...(method.space === 'weights' ? {} : { sparsify: SPARSIFY }),
      ...contentRules(method),
      modules: {
        additionalProperties: { properties: contentRules(method) },
      },
    },
    required,
    // Slices may each have a base of their own.
    ...(baseNeeded ? { anyOf: ['base_model', 'slices', 'modules'].map((name) => ({ required: [name] })) } : {}),
  };
  return {
    if: { properties: { merge_method: { enum: namesOf(method) } }, required: ['merge_method'] },
    // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema; nothing awaits this object.
    then: rule,
  };
}

/** The tables that a method's rule refers to, wherever parameters may stand: of all parameters, and of those of models. */
function definitionsOf(method: Method): [string, JsonSchema][] {
  const { name, parameters } = method;
  const own = parameters.filter((parameter) => !parameter.name.startsWith(FRONT));
  const ofModel = own.filter(({ scope }) => scope === 'model');
  return [
    [name, { properties: { ...parameterSchemas(method, own), sparsify: SPARSIFY } }],
    [`${name}.model`, { properties: { ...parameterSchemas(method, ofModel), sparsify: SPARSIFY } }],
  ];
}

/** What a recipe or a module holds: the parameters that models, slices and their sources take. */
function contentRules({ name }: Method): JsonSchema {
  const all = { $ref: `#/definitions/${name}` };
  const ofModel = { properties: { parameters: { $ref: `#/definitions/${name}.model` } } };
  return {
    parameters: all,
    models: { items: ofModel },
    slices: { items: { properties: { parameters: all, sources: { items: ofModel } } } },
  };
}

/** The parameters of `sparsify` under the names they have there. */
function frontSchema(): JsonSchema {
  const named = FRONT_PARAMETERS.map((parameter) => ({ ...parameter, name: parameter.name.slice(FRONT.length) }));
  return { properties: parameterSchemas({ presets: {} }, named) };
}

/** Defaults are those of a recipe that names no preset. */
function parameterSchemas(method: Pick<Method, 'presets'>, parameters: readonly Parameter[]): JsonSchema {
  return Object.fromEntries(
    parameters.map((parameter) => {
      const { schema } = parameterShape(parameter);
      const fallback = defaultOf(method, parameter);
      const told = { description: parameter.summary, ...(fallback === undefined ? {} : { default: fallback }) };
      return [parameter.name, { ...told, ...schema }];
    }),
  );
}
