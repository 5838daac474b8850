/** Recipe text to a checked `Recipe`. Reads no file and opens no model. */
import { type Method, PRESETS, type Preset } from '../../kernels/method.js';
import { FRONT } from '../../kernels/methods/in-front.js';
import { findMethod } from '../../kernels/methods/registry.js';
import type { Parameter } from '../../kernels/parameters.js';
import { warning } from '../warnings.js';
import { readAssembly } from './assembly.js';
import { Cursor, Reading } from './cursor.js';
import { readDocument, type YamlDocument } from './document.js';
import { Findings, quote } from './findings.js';
import { checkFront, reportNoMethod } from './front-parameters.js';
import { type RecipeReading, recipeShape } from './keys.js';
import { methodHint } from './method-names.js';
import { reportOtherTool } from './other-tools.js';
import { type ParameterReading, readParameters } from './parameters.js';
import type { Participant } from './participants.js';
import { DEFAULT_PRESET } from './presets.js';
import type { ParameterTable, Recipe, RecipeTokenizer } from './recipe.js';
import { isOtherSpelling, type ModelReference } from './reference.js';
import { didYouMean, misspelling } from './shapes.js';
import { modelsOfTokens } from './tokenizer-keys.js';

/** Where a recipe's text comes from. */
export interface RecipeOrigin {
  /** The recipe's file as the user named it, for messages; `<recipe>` unless given. */
  readonly file?: string;
  /** Absolute folder that relative model paths start from. */
  readonly folder?: string | undefined;
}

/**
 * Reads a recipe from YAML (or JSON). Throws one `recipe-invalid` that holds every problem, in the order of the file;
 * keys without effect are warnings of the recipe. Parameters are not checked while the merge method is unknown.
 * `positionsOf` is for texts that nobody wrote: it says where what stands in the document comes from.
 */
export function parseRecipe(
  text: string,
  { file = '<recipe>', folder }: RecipeOrigin = {},
  positionsOf?: (document: YamlDocument) => YamlDocument['positionAt'],
): Recipe {
  const findings = new Findings(file);
  const document = readDocument(text, findings);
  const placed = positionsOf === undefined ? document : { ...document, positionAt: positionsOf(document) };
  const content = readRecipe(placed, findings);
  findings.throwProblems();
  // Without problems there is a method, and so a content.
  return { file, folder, text, ...content!, warnings: findings.warnings };
}

/** Reads the recipe that a document is; undefined when its problems, which are noted, leave nothing to read. */
export function readRecipe(document: YamlDocument, findings: Findings): Content | undefined {
  if (reportOtherTool(document, findings)) return undefined;
  const root = new Cursor(new Reading(document, findings), document.root, '');
  const reading = recipeShape.read(root);
  reading?.present.get('sweep')?.problem('makes several models', 'run the recipe with `m2merge sweep`');
  const method = reading && readMethod(reading);
  return method && readContent(reading, method, findings);
}

export type Content = Omit<Recipe, 'file' | 'folder' | 'text' | 'warnings'>;

function readContent(reading: RecipeReading, method: Method, findings: Findings): Content {
  const { values } = reading;
  const preset = readPreset(reading, method);
  checkBase(reading, method);
  const shared = readParameters(reading, 'top', method, values.sparsify);
  const namesNoMethod = values.sparsify !== undefined && !shared.gives(`${FRONT}method`) && method.space !== 'weights';
  if (namesNoMethod) reportNoMethod(values.sparsify.position, values.sparsify.path, findings);
  const { bases, models, modules, participants } = readAssembly(reading, method, shared, findings);
  if (preset !== undefined) checkAllGiven(reading, method, preset, participants, shared, findings);
  const tables = [shared.table, ...participants.flatMap(({ outer }) => outer.map(({ table }) => table))];
  if (preset === 'mergekit') warnOfOwnParameters(method, tables, findings);
  const sources = modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  if (!namesNoMethod) checkFront([...new Set([...tables, ...sources.flatMap(({ levels }) => levels)])], findings);
  return {
    name: values.name,
    method: method.name,
    preset: preset ?? DEFAULT_PRESET,
    base: values.base_model,
    bases,
    models,
    modules,
    parameters: shared.table,
    outputDtype: values.out_dtype ?? values.dtype,
    rounding: values.rounding ?? 'nearest',
    seed: values.seed ?? 0,
    output: values.output,
    report: values.report,
    tokenizer: readTokenizer(reading, { base: values.base_model, bases, models }),
    chatTemplate: values.chat_template,
  };
}

/** Says where a recipe that mergekit reads as well comes to another result. */
function warnOfOwnParameters(method: Method, tables: readonly ParameterTable[], findings: Findings): void {
  for (const { name, default: fallback } of method.parameters.filter(({ ignoredByMergekit }) => ignoredByMergekit)) {
    for (const { position, entries } of tables.flatMap((table) => table.get(name) ?? [])) {
      // What changes nothing here changes nothing there.
      if (entries.every(({ values }) => values.every((value) => value === fallback))) continue;
      findings.warn(position, (place) => warning('mergekit-ignores', { place, key: name, method: method.name }));
    }
  }
}

/** What either key says of tokens; the models that rows are taken from have to be merged. */
function readTokenizer(
  { values, present }: RecipeReading,
  { base, bases, models }: Pick<Recipe, 'base' | 'bases' | 'models'>,
): RecipeTokenizer | undefined {
  const [legacy, written] = [present.get('tokenizer_source'), present.get('tokenizer')];
  const { tokenizer_source: source, tokenizer } = values;
  if (legacy !== undefined && written !== undefined) {
    written.problem('"tokenizer_source" and "tokenizer" cannot both be given', 'write tokenizer: {source: …} alone');
  }
  if (tokenizer === undefined) {
    return source && { source, tokens: new Map(), padToMultipleOf: 1, position: legacy!.position };
  }
  const merged = [...(base === undefined ? [] : [base]), ...bases, ...models.map(({ reference }) => reference)];
  const names = merged.map((reference) => reference.text);
  for (const { model, rule } of modelsOfTokens(tokenizer)) {
    if (names.includes(model.text)) continue;
    const hint = didYouMean(model.text, names) ?? 'rows of tokens come from models of the merge';
    written!.findings.problem(model.position, rule.path, `${quote(model.text)} is no model of the merge`, hint);
  }
  return tokenizer;
}

function readMethod({ values, present }: RecipeReading): Method | undefined {
  const name = values.merge_method;
  if (name === undefined) return undefined;
  const method = findMethod(name);
  if (method === undefined) {
    present.get('merge_method')?.problem(`there is no merge method ${quote(name)}`, methodHint(name));
  }
  return method;
}

/** The preset, when it is one and the method is defined in it. */
function readPreset({ values, present }: RecipeReading, method: Method): Preset | undefined {
  const written = present.get('preset');
  if (written !== undefined && values.preset === undefined) return undefined;
  const preset = values.preset ?? DEFAULT_PRESET;
  if (method.presets[preset] !== undefined) return preset;
  const defined = PRESETS.filter((name) => method.presets[name] !== undefined).join(', ');
  const place = written ?? present.get('merge_method');
  place?.problem(`${method.name} is not defined by preset ${preset}`, `presets that define it: ${defined}`);
  return undefined;
}

function checkBase({ present, values, unknown }: RecipeReading, method: Method): void {
  if (method.space !== 'taskVectors' || present.has('base_model')) return;
  const modules = [values, ...[...(values.modules ?? new Map()).values()].map((module) => module.values)];
  const slices = modules.flatMap((module) => module.slices ?? []);
  const isWhole = modules.some(({ models }) => models !== undefined);
  if (!isWhole && slices.length > 0 && slices.every((slice) => slice.present.has('base_model'))) return;
  const isBetweenTwo = method.parameters.some(({ name }) => name === 't');
  const meaning = isBetweenTwo
    ? 'the one of the two models that t = 0 gives'
    : 'the model that the task vectors are differences to';
  const hint = misspelling('base_model', unknown) ?? meaning;
  present.get('merge_method')?.problem(`${method.name} needs the key "base_model"`, hint);
}

/**
 * Reports parameters that have no value anywhere. One that has a value for some tensors only passes: which tensors
 * there are is known when the models are open.
 */
function checkAllGiven(
  { present, values }: RecipeReading,
  method: Method,
  preset: Preset,
  participants: readonly Participant[],
  shared: ParameterReading,
  findings: Findings,
): void {
  const required = method.parameters.filter((parameter) => isRequired(parameter, method, preset));
  for (const { name, scope } of required) {
    const sharedHint = misspelling(name, shared.unread);
    if (scope === 'merge') {
      if (shared.gives(name) || participants.some(({ outer }) => outer.some((table) => table.gives(name)))) continue;
      const hint = sharedHint ?? 'write it under the top-level parameters';
      present.get('merge_method')?.problem(`${method.name} needs a value of "${name}"`, hint);
      continue;
    }
    for (const participant of participants) {
      if ([...participant.parameters, ...participant.outer].some((table) => table.gives(name))) continue;
      const { path, position, reference } = participant;
      const message = `model ${quote(reference.text)} has no value of "${name}"`;
      const hint = hintForMissing(name, participant) ?? sharedHint ?? hintForBase(reference, values.base_model);
      findings.problem(position, path, message, hint ?? whereToWrite(path));
    }
  }
}

/** Where the value of a model's parameter that is missing may have gone. */
function hintForMissing(name: string, { unknown, parameters }: Participant): string | undefined {
  if (unknown.includes(name)) return `it stands beside "model"; write parameters: {${name}: …}`;
  return misspelling(
    name,
    parameters.flatMap(({ unread }) => unread),
  );
}

/** What to do when the model is the base and nobody can know, as models are told apart by their texts. */
function hintForBase({ text }: ModelReference, base: ModelReference | undefined): string | undefined {
  if (base === undefined || !isOtherSpelling(text, base.text)) return undefined;
  return `if it is the base, spell it as base_model does: ${quote(base.text)}`;
}

function whereToWrite(path: string): string {
  return `write it${path === 'base_model' ? '' : ' here or'} under the top-level parameters`;
}

function isRequired(parameter: Parameter, method: Method, preset: Preset): boolean {
  return parameter.default === undefined && method.presets[preset]?.[parameter.name] === undefined;
}
