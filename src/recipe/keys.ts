/** What a recipe may say: its keys, what each takes and means. The reader and the JSON Schema both come from here. */
import { PRESETS } from '../../kernels/method.js';
import { PARAMETER_NAMES } from '../../kernels/methods/registry.js';
import type { OutputDtype } from '../checkpoint/dtype.js';
import type { Cursor } from './cursor.js';
import { layerRange } from './layer-range.js';
import { nearestName } from './nearest.js';
import type { Rounding } from './recipe.js';
import { modelReference } from './reference-keys.js';
import {
  choice,
  deferredMapping,
  type Key,
  listOf,
  mappingOf,
  naturalUpTo,
  type RecordReading,
  record,
  type Shape,
  spelling,
  text,
  truth,
  withoutEffect,
} from './shapes.js';
import { sweepShape } from './sweep-keys.js';
import { chatTemplate, tokenizer, tokenizerSource } from './tokenizer-keys.js';

const ROUNDINGS: readonly Rounding[] = ['nearest', 'stochastic'];

const DTYPE_NAMES: Readonly<Record<string, OutputDtype>> = {
  bfloat16: 'BF16',
  float16: 'F16',
  float32: 'F32',
  'torch.bfloat16': 'BF16',
  'torch.float16': 'F16',
  'torch.float32': 'F32',
  bf16: 'BF16',
  fp16: 'F16',
  fp32: 'F32',
};

const RECOMMENDED_DTYPE_NAMES = ['bfloat16', 'float16', 'float32'];

/** Parameters that stand beside their "parameters". */
const asParameter = (name: string): string | undefined =>
  PARAMETER_NAMES.has(name) ? `parameters: {${name}: …}` : undefined;

/** What belongs to the model's reference and stands beside it. */
const IN_REFERENCE: Readonly<Record<string, string>> = {
  revision: 'model: name@revision',
  lora: 'model: name+adapter',
  adapter: 'model: name+adapter',
};

/** What belongs into another mapping, or has another name here. */
const INTO_OTHERS: Readonly<Record<string, string>> = {
  out_path: 'output',
  random_seed: 'seed',
  pad_to_multiple_of: 'tokenizer: {pad_to_multiple_of: …}',
  tokens: 'tokenizer: {tokens: …}',
};

const inRecipe = (name: string): string | undefined =>
  Object.hasOwn(INTO_OTHERS, name) ? INTO_OTHERS[name] : asParameter(name);

const besideModel = (name: string): string | undefined =>
  Object.hasOwn(IN_REFERENCE, name) ? IN_REFERENCE[name] : asParameter(name);

const dtype = spelling(DTYPE_NAMES, RECOMMENDED_DTYPE_NAMES);

const key = <T>(summary: string, shape: Shape<T>): Key<T> => ({ summary, shape });
const required = <T>(summary: string, shape: Shape<T>): Key<T> => ({ summary, shape, required: true });

const parametersKey = (summary: string): Key<Cursor> => key(summary, deferredMapping);

const MODEL_KEYS = {
  model: required('folder of the model', modelReference),
  parameters: parametersKey('parameters of this model, before the top-level ones'),
};

const modelList = listOf(record(MODEL_KEYS, '{model: …, parameters: …}', besideModel), 'models');

const SOURCE_KEYS = {
  model: required('folder of the model', modelReference),
  layer_range: required('first layer, and the one after the last', layerRange),
  parameters: parametersKey('parameters of this model in this slice, before all others'),
};

const SLICE_KEYS = {
  sources: required(
    'the models and layers to merge',
    listOf(record(SOURCE_KEYS, '{model: …, layer_range: […, …]}', besideModel), 'sources'),
  ),
  base_model: key('the base of this slice, instead of that of the recipe', modelReference),
  parameters: parametersKey('parameters of this slice, before those of the module and the recipe'),
  residual_weight: withoutEffect('mergekit reads it and never uses it'),
};

const sliceList = listOf(record(SLICE_KEYS, '{sources: […]}', asParameter), 'slices');

const MODULE_KEYS = {
  models: { ...required('the models to merge, unless there are "slices"', modelList), unless: ['slices'] },
  slices: key('the layers of the module, from the first to the last', sliceList),
  parameters: parametersKey('parameters of this module, before those of the recipe'),
};

export const RECIPE_KEYS = {
  merge_method: required('name of the merge method', text),
  base_model: key('the model that task vectors are differences to', modelReference),
  models: {
    ...required('the models to merge', modelList),
    unless: ['slices', 'modules'],
  },
  parameters: parametersKey('parameters of the merge, and those of every model that has no own value'),
  sparsify: key(
    'what drops elements of task vectors in front of the method: {method: dare, density: 0.8, …}',
    deferredMapping,
  ),
  dtype: key('dtype of the output unless out_dtype is given; arithmetic is float32 in any case', dtype),
  out_dtype: key('dtype of the output', dtype),
  output: key("output folder; relative paths start at the recipe's folder", text),
  seed: key('seed of all random numbers, 0 unless given', naturalUpTo(Number.MAX_SAFE_INTEGER)),
  rounding: key('how results are rounded to a 16-bit dtype', choice(ROUNDINGS)),
  preset: key('whose semantics and defaults are meant where implementations of a method differ', choice(PRESETS)),
  report: key('whether a report is written beside the output', truth),
  name: key('how other documents of the same file call the model that this one makes', text),
  slices: key('the layers of the merged model, from the first to the last', sliceList),
  modules: key(
    'parts of the model that are merged each in its own way, as a text decoder and a vision tower',
    mappingOf(record(MODULE_KEYS, '{models: […]} or {slices: […]}', asParameter), 'modules'),
  ),
  tokenizer_source: key('whose tokens the merged model has: "union", "base", or a model', tokenizerSource),
  tokenizer: key('whose tokens the merged model has, with rules for single tokens', tokenizer),
  chat_template: key('chat template: "auto", a name, a text in Jinja, or the path of a .jinja file', chatTemplate),
  sweep: key('several merges in one run, for `m2merge sweep`', sweepShape),
};

export const recipeShape = record(RECIPE_KEYS, '{merge_method: …, models: …}', inRecipe);

/** Whether a key of a recipe is there only to hold what aliases stand for: `record` lets such keys pass. */
export function isHolder(name: string, value: Cursor): boolean {
  const names = Object.keys(RECIPE_KEYS);
  return !names.includes(name) && (inRecipe(name) ?? nearestName(name, names)) === undefined && value.isAliased;
}

export type RecipeReading = RecordReading<typeof RECIPE_KEYS>;
export type ModelReading = RecordReading<typeof MODEL_KEYS>;
export type SourceReading = RecordReading<typeof SOURCE_KEYS>;
export type SliceReading = RecordReading<typeof SLICE_KEYS>;
export type ModuleReading = RecordReading<typeof MODULE_KEYS>;
