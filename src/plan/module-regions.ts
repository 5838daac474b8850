/** Which tensors belong to a module that a recipe names, found by the stacks of layers that the names show. */
import { isHead, isHeadBias, isPartOfHead, isTokenEmbedding } from '../checkpoint/tensor-roles.js';
import { M2MergeError } from '../errors.js';
import type { Recipe, RecipeModule } from '../recipe/recipe.js';
import { didYouMean } from '../recipe/shapes.js';
import { commonComponents } from './model-tensors.js';

export interface ModuleRegion {
  /** Whether a tensor belongs to the module. */
  readonly owns: (name: string) => boolean;
  /** Whether a stack of layers does. */
  readonly ownsStack: (prefix: string) => boolean;
}

/** What a recipe without modules merges. */
const WHOLE_MODEL: ModuleRegion = { owns: () => true, ownsStack: () => true };

/**
 * What joins the parts of a model. What is only called a projection may belong to a part as well: to the text of Gemma 3n,
 * and in towers for sound what comes before their layers.
 */
const JOINT = /(?:^|\.)(?:\w*(?:projector|connector|merger)\w*|embed_(?:vision|audio))(?:\.|$)/;
const PROJECTION = /(?:^|\.)(?!\w*(?:conv|feature)_projection)\w*projection\w*(?:\.|$)/;
const OF_TOWER = /(?:conv|feature)_projection/;
const PROJECTOR = new RegExp(`${JOINT.source}|${PROJECTION.source}`);

/** Whether a stack or a tensor joins parts, whichever part it lies in. */
export const joinsParts = (name: string): boolean => JOINT.test(name);

const PROJECTOR_NAMES = /project|connector|merger/;

/** Names for parts of multimodal models, in mergekit's and in common configs, and what their tensors are called. */
const KNOWN_NAMES: readonly (readonly [names: RegExp, tensors: RegExp])[] = [
  [/^vis(?:ion|ual)|^vit$|^image/, /(?:^|\.)(?:vis(?:ion|ual)\w*|vit|vpm|image_\w+)(?:\.|$)/],
  [/^audio|^speech/, /(?:^|\.)(?:audio\w*|speech\w*)(?:\.|$)/],
  [PROJECTOR_NAMES, PROJECTOR],
];

/** Names for the part that reads and writes text. */
const TEXT_NAMES = /^(?:text|language|llm|decoder|causal|lm|model)(?:_|$)/;

/** The module of mergekit's that holds what no other does. */
const REST = 'default';

/** That of what encoder and decoder have in common. */
const SHARED = 'shared';

interface Part {
  /** Path that the names of the part's tensors begin with; tensors of other parts do not. */
  readonly root: string;
  readonly stack: string;
}

/** The region of each module, in the recipe's order. Throws `recipe-invalid` for a name that fits no tensors. */
export function moduleRegions(recipe: Recipe, names: readonly string[], stacks: readonly string[]): ModuleRegion[] {
  if (recipe.modules.length === 1 && recipe.modules[0]!.name === undefined) return [WHOLE_MODEL];
  const parts = partsOf(stacks);
  const text = textPart(parts, names);
  const owner = new Map<string, number>();
  const claims = recipe.modules.map(({ name }, index) => ({
    index,
    isOwn: claimOf(name!, parts, text),
    rank: rankOf(name!),
  }));
  for (const { index, isOwn } of claims.sort((a, b) => a.rank - b.rank)) {
    for (const name of names) if (!owner.has(name) && isOwn(name)) owner.set(name, index);
  }
  const rest = recipe.modules.findIndex(({ name }) => name === REST);
  for (const name of names) if (!owner.has(name) && rest !== -1) owner.set(name, rest);
  return recipe.modules.map((module, index) => {
    const owned = names.filter((name) => owner.get(name) === index);
    if (owned.length === 0 && module.name !== REST) refuse(recipe, module, parts);
    const set = new Set(owned);
    return {
      owns: (name) => set.has(name),
      ownsStack: (prefix) => owned.some((name) => name.startsWith(`${prefix}.`)),
    };
  });
}

/**
 * Who is asked first, whatever the order of the modules: what joins two parts may lie in one of them, and what is of images
 * or sound may lie where a text does.
 */
function rankOf(name: string): number {
  if (PROJECTOR_NAMES.test(name)) return 0;
  return KNOWN_NAMES.some(([names]) => names.test(name)) ? 1 : 2;
}

/** The stacks with the paths that tell them apart: the shortest beginning of each that no other shares. */
function partsOf(stacks: readonly string[]): Part[] {
  return stacks.map((stack) => {
    const components = stack.split('.');
    const lengths = components.map((_, index) => index + 1);
    const root = lengths
      .map((length) => components.slice(0, length).join('.'))
      .find((path) => stacks.every((other) => other === stack || !isWithin(other, path)));
    return { root: root ?? stack, stack };
  });
}

const isWithin = (name: string, path: string): boolean => name === path || name.startsWith(`${path}.`);

/**
 * The part that reads and writes text: the one with the token embedding, and of several (as one that speaks) the nearest to
 * a head for tokens; or else the only one that is nothing else. Encoder and decoder that share an embedding are two, and it
 * belongs to neither.
 */
function textPart(parts: readonly Part[], names: readonly string[]): Part | undefined {
  const others = parts.filter(({ stack }) => !KNOWN_NAMES.some(([, tensors]) => tensors.test(stack)));
  const embeddings = names.filter(isTokenEmbedding);
  const heads = names.filter(isHead);
  const nearness = ({ root }: Part): number => Math.max(0, ...heads.map((head) => commonComponents(head, root)));
  const [nearest] = others
    .filter(({ root }) => embeddings.some((name) => isWithin(name, root)))
    .sort((a, b) => nearness(b) - nearness(a));
  return nearest ?? (others.length === 1 ? others[0] : undefined);
}

/** Whether a tensor belongs to the module called so. */
function claimOf(name: string, parts: readonly Part[], text: Part | undefined): (tensor: string) => boolean {
  if (name === REST && parts.length <= 1) return () => true;
  const within = parts.filter(({ stack }) => isWithin(stack, name));
  const named =
    parts.find(({ root, stack }) => root === name || stack === name || root.split('.').at(-1) === name) ??
    (within.length === 1 ? within[0] : undefined);
  const isText = named === undefined ? TEXT_NAMES.test(name) : named === text;
  if (isText && text !== undefined) {
    return (tensor) => isWithin(tensor, text.root) || isTextOutside(tensor, parts) || isBesideText(tensor, parts, text);
  }
  if (named !== undefined) return (tensor) => isWithin(tensor, named.root);
  const known = KNOWN_NAMES.find(([names]) => names.test(name));
  if (known !== undefined) return knownClaim(known[1], parts, text);
  const isShared = name === SHARED && text === undefined;
  return (tensor) =>
    isWithin(tensor, name) || tensor.includes(`.${name}.`) || (isShared && isTextOutside(tensor, parts));
}

/** Parts whose layers are called so, and tensors beside all parts; what joins two parts is neither's. */
function knownClaim(pattern: RegExp, parts: readonly Part[], text: Part | undefined): (tensor: string) => boolean {
  const own = parts.filter(({ stack }) => pattern.test(stack));
  const isJoint = (tensor: string): boolean =>
    joinsParts(tensor) ||
    (PROJECTION.test(tensor) && !OF_TOWER.test(tensor) && !(text !== undefined && isWithin(tensor, text.root)));
  if (pattern === PROJECTOR) return (tensor) => isJoint(tensor) || own.some(({ root }) => isWithin(tensor, root));
  // Adapters of a text's layers may be called after what they are for.
  const isInText = (tensor: string): boolean => text !== undefined && isWithin(tensor, text.stack);
  return (tensor) =>
    own.some(({ root }) => isWithin(tensor, root)) || (pattern.test(tensor) && !isJoint(tensor) && !isInText(tensor));
}

/** Embeddings of tokens and the head stand beside the parts in some models. */
function isTextOutside(tensor: string, parts: readonly Part[]): boolean {
  return (
    (isPartOfHead(tensor) || isHeadBias(tensor) || isTokenEmbedding(tensor)) &&
    !parts.some(({ root }) => isWithin(tensor, root))
  );
}

/**
 * What stands beside the layers of the text, as `model.norm` beside `model.layers`, where other parts begin as its path
 * does, so that the layers alone are what tells it from them.
 */
function isBesideText(tensor: string, parts: readonly Part[], { root, stack }: Part): boolean {
  const around = stack.slice(0, stack.lastIndexOf('.'));
  if (root !== stack || !isWithin(tensor, around) || parts.some((part) => isWithin(tensor, part.root))) return false;
  return !KNOWN_NAMES.some(([, tensors]) => tensors.test(tensor));
}

function refuse(recipe: Recipe, { name = '', path, position }: RecipeModule, parts: readonly Part[]): never {
  const known = [...parts.map(({ root }) => root), REST];
  const message = `the models have no module ${JSON.stringify(name)}`;
  const hint = didYouMean(name, known) ?? `by their tensors they have ${known.join(', ')}`;
  throw new M2MergeError('recipe-invalid', { file: recipe.file, problems: [{ ...position, path, message, hint }] });
}
