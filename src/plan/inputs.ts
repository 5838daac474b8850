/** Finds and opens the models a recipe names. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Adapter, addAdapter } from '../checkpoint/adapter.js';
import { openAdapter } from '../checkpoint/adapter-folder.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { openCheckpoint } from '../checkpoint/folder.js';
import { ModelFolder } from '../checkpoint/model-folder.js';
import { compareUtf8 } from '../checkpoint/order.js';
import { TensorTables } from '../checkpoint/tensor-tables.js';
import { HUB_FAILURES_OF_MODELS, type NamedIn } from '../errors/hub.js';
import { isM2MergeError, M2MergeError, placeIn } from '../errors.js';
import { type HubName, isHubAddress, readHubName } from '../hub/endpoint.js';
import { allInOrder } from '../io/concurrency.js';
import { isFile, isFolder } from '../io/kind.js';
import type { ModelFiles } from '../io/model-files.js';
import { nearestName } from '../recipe/nearest.js';
import type { Recipe } from '../recipe/recipe.js';
import { type ModelLocation, type ModelReference, referenceText } from '../recipe/reference.js';
import { readTemplateFile } from '../tokenizer/chat-templates.js';
import { planBesideWeights } from './beside-weights.js';
import type { RecipeCheckpoints } from './build.js';
import { HubInputs, type InputOptions } from './hub-inputs.js';
import { candidatePaths, firstThere } from './local-models.js';
import type { NamedCheckpoint } from './tensors.js';
import { filesOf, readVocabulary } from './vocabulary.js';

/** Models that a recipe names and that are not looked for: what other documents of its file make, by name. */
export type KnownModels = ReadonlyMap<string, Checkpoint>;

/**
 * Opens base and models, each once, with their adapters: a folder of this machine if there is one, else what is on the
 * Hub if the reference reads like a name there. Throws `model-missing`, what `openCheckpoint`, `openAdapter` and
 * `addAdapter` throw, and the Hub's refusals.
 */
export async function openInputs(
  recipe: Recipe,
  options: InputOptions = {},
  known: KnownModels = new Map(),
): Promise<RecipeCheckpoints> {
  const opened = new Map<string, Promise<Checkpoint>>();
  const tables = new TensorTables();
  const hub = new HubInputs(options);
  const openFound = async (reference: ModelReference): Promise<Checkpoint> => {
    const place = await locate(reference, reference, recipe);
    const key = place.folder ?? `hf://${place.name!.repo}@${place.name!.revision ?? ''}`;
    if (!opened.has(key)) opened.set(key, openModel(place, hub, tables));
    return opened.get(key)!;
  };
  const openAdapted = async (reference: ModelReference): Promise<NamedCheckpoint> => {
    const checkpoint = known.get(referenceText(reference, undefined)) ?? (await openFound(reference));
    const { text, adapter } = reference;
    if (adapter === undefined) return { name: text, checkpoint };
    const names = { model: referenceText(reference, undefined), adapter: referenceText(adapter, undefined) };
    const added = await openAdapterOf(await locate(adapter, reference, recipe), hub);
    return { name: text, checkpoint: addAdapter(checkpoint, added, names) };
  };
  // One model is one object, with its adapter as well: who looks for the base among the inputs compares them so.
  const named = new Map<string, Promise<NamedCheckpoint>>();
  const open = (reference: ModelReference): Promise<NamedCheckpoint> => {
    const { text } = reference;
    if (!named.has(text)) named.set(text, openAdapted(reference));
    return named.get(text)!;
  };
  const own = recipe.base === undefined ? [] : [recipe.base];
  const references = [...own, ...recipe.bases, ...recipe.models.map(({ reference }) => reference)];
  const all = await allInOrder(references.map(open));
  const base = all[own.length - 1];
  const bases = all.slice(own.length, own.length + recipe.bases.length);
  const models = all.slice(own.length + recipe.bases.length);
  const openFiles = async (reference: ModelReference): Promise<ModelFiles> => {
    const made = known.get(referenceText(reference, undefined));
    if (made !== undefined) return filesOf(made);
    const { folder, name, ...named } = await locate(reference, reference, recipe);
    if (folder !== undefined) return new ModelFolder(folder);
    return hub.model(name!).catch(async (error: unknown) => {
      throw await withPlace(error, named);
    });
  };
  return { base, bases, models, ...(await openTokens(recipe, { base, bases, models }, openFiles)) };
}

/** The same text for recipes that read the same models, and the same tokenizers in the same way. */
export function textOfInputs({ folder, base, bases, models, tokenizer, chatTemplate }: Recipe): string {
  const references = [base, ...bases, ...models.map(({ reference }) => reference)];
  const tokens = tokenizer && { ...tokenizer, tokens: [...tokenizer.tokens] };
  const read = [folder, references, tokens, chatTemplate];
  return JSON.stringify(read, (key, value) => (key === 'position' ? undefined : value));
}

/** The inputs of recipes that run together: those that read the same are opened once, and held once. */
export class SharedInputs {
  readonly #opened = new Map<string, Promise<RecipeCheckpoints>>();

  /** See `openInputs`. Options and known models are those of the first recipe that reads the same. */
  open(recipe: Recipe, options?: InputOptions, known?: KnownModels): Promise<RecipeCheckpoints> {
    const text = textOfInputs(recipe);
    const opened = this.#opened.get(text) ?? openInputs(recipe, options, known);
    this.#opened.set(text, opened);
    return opened;
  }
}

/** What the tokenizer keys of the recipe come to; nothing where there are none. */
async function openTokens(
  recipe: Recipe,
  { base, bases, models }: RecipeCheckpoints,
  openFiles: (reference: ModelReference) => Promise<ModelFiles>,
): Promise<Pick<RecipeCheckpoints, 'vocabulary' | 'beside'>> {
  const { tokenizer } = recipe;
  const donor = base ?? bases[0] ?? models[0];
  if (donor === undefined || (tokenizer ?? recipe.chatTemplate) === undefined) return {};
  const others = [...bases, ...models].filter(({ name }) => name !== donor.name);
  const chatTemplate = await templateOf(recipe);
  const vocabulary = tokenizer && (await readVocabulary({ ...recipe, tokenizer }, [donor, ...others], openFiles));
  const described = { name: donor.name, files: filesOf(donor.checkpoint), config: donor.checkpoint.config };
  const files = [donor, ...others].map(({ checkpoint }) => filesOf(checkpoint));
  return { vocabulary, beside: await planBesideWeights(described, { vocabulary, chatTemplate, models: files }) };
}

/** The chat template with the text of its file. */
async function templateOf({ chatTemplate, folder }: Recipe): Promise<'auto' | { readonly text: string } | undefined> {
  if (chatTemplate === undefined || chatTemplate === 'auto' || 'text' in chatTemplate) return chatTemplate;
  const candidates = candidatePaths(chatTemplate.file, folder);
  const path = await firstThere(candidates, isFile);
  if (path !== undefined) return { text: await readTemplateFile(new ModelFolder(dirname(path)), basename(path)) };
  throw new M2MergeError('file-missing', { path: candidates[0]!, purpose: 'chat template' });
}

interface Located {
  /** Folder on this machine; undefined for a model on the Hub. */
  readonly folder: string | undefined;
  readonly name: HubName | undefined;
  /** The path that the recipe writes, and the folders that it may mean. */
  readonly written: string;
  readonly searched: readonly string[];
  /** Where the recipe names it. */
  readonly place: string;
}

/** Finds a model or its adapter: relative paths start at the recipe's folder, then at the working folder. */
async function locate(location: ModelLocation, { position }: ModelReference, recipe: Recipe): Promise<Located> {
  const { path, revision } = location;
  const searched = isHubAddress(path) ? [] : candidatePaths(path, recipe.folder);
  const place = placeIn(recipe.file, position);
  const found = { written: path, searched, place };
  const folder = await firstThere(searched, isFolder);
  if (folder !== undefined) return { folder, name: undefined, ...found };
  const reference = referenceText(location, undefined);
  if ((await firstThere(searched, isFile)) !== undefined)
    throw new M2MergeError('model-missing', { reference, searched, place, isFile: true });
  const name = readHubName(path, revision);
  if (name !== undefined) return { folder: undefined, name, ...found };
  throw new M2MergeError('model-missing', { reference, searched, place, nearby: await nearbyFolder(found) });
}

/** Names so short that all others are near. */
const SHORTEST_COMPARED = 3;

/** A folder beside one that is not there, by nearly the same name, as the recipe would write it. */
async function nearbyFolder({ written, searched }: Pick<Located, 'written' | 'searched'>): Promise<string | undefined> {
  if (basename(written).length < SHORTEST_COMPARED) return undefined;
  for (const path of searched) {
    const entries = await readdir(dirname(path), { withFileTypes: true }).catch(() => []);
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    const nearest = nearestName(basename(path), folders.sort(compareUtf8));
    if (nearest !== undefined) return join(dirname(written), nearest);
  }
  return undefined;
}

async function openModel(
  { folder, name, ...named }: Located,
  hub: HubInputs,
  tables: TensorTables,
): Promise<Checkpoint> {
  if (folder !== undefined) return openCheckpoint(folder, tables);
  return hub.checkpoint(name!).catch(async (error: unknown) => {
    throw await withPlace(error, named);
  });
}

async function openAdapterOf({ folder, name, ...named }: Located, hub: HubInputs): Promise<Adapter> {
  if (folder !== undefined) return openAdapter(folder);
  return hub.adapter(name!).catch(async (error: unknown) => {
    throw await withPlace(error, named);
  });
}

/** Where a model was looked for. */
type Named = Omit<Located, 'folder' | 'name'>;

/** A failure of the Hub with what the recipe says about the model. */
async function withPlace(error: unknown, named: Named): Promise<unknown> {
  if (!isM2MergeError(error) || !HUB_FAILURES_OF_MODELS.has(error.kind)) return error;
  const { searched, place } = named;
  const told: NamedIn = { searched, place, nearby: await nearbyFolder(named) };
  return new M2MergeError(error.kind, { ...error.facts, ...told } as typeof error.facts, { cause: error });
}
