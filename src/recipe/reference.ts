/** How a recipe names a model: `path`, `id@revision`, either with an adapter as `model+adapter`, or the same as a mapping. */
import type { Position } from './position.js';

/** A model folder or a repository on the Hub; which of the two is found out when it is opened. */
export interface ModelLocation {
  /** Folder, or id as `org/name`, without revision and adapter. */
  readonly path: string;
  /** Branch, tag or commit; means nothing for a folder. */
  readonly revision: string | undefined;
}

/** A model as the recipe names it. */
export interface ModelReference extends ModelLocation {
  /** The text as written, of a mapping the text that says the same; also the model's identity for random masks. */
  readonly text: string;
  /** The adapter (LoRA) to be added to the model's weights. */
  readonly adapter: ModelLocation | undefined;
  readonly position: Position;
}

/** The parts of a reference written as text, or what is wrong with it. */
export type ReferenceParts =
  | { readonly location: ModelLocation; readonly adapter: ModelLocation | undefined }
  | { readonly problem: string };

/** Regular expression (whole text) of the references that `parseReference` takes apart. */
export const REFERENCE_PATTERN = '^[^@+]+(?:@[^@+]+)?(?:\\+[^@+]+(?:@[^@+]+)?)?$';

/** Takes `path@revision+adapter@revision` apart; everything but the first path may be absent. */
export function parseReference(text: string): ReferenceParts {
  const [model = '', adapter, ...more] = text.split('+');
  if (more.length > 0) return { problem: 'has more than one "+"' };
  const location = parseLocation(model);
  if ('problem' in location) return location;
  if (adapter === undefined) return { location, adapter: undefined };
  const adapterLocation = parseLocation(adapter);
  return 'problem' in adapterLocation ? adapterLocation : { location, adapter: adapterLocation };
}

function parseLocation(text: string): ModelLocation | { readonly problem: string } {
  const [path = '', revision, ...more] = text.split('@');
  if (more.length > 0) return { problem: 'has more than one "@" for one model' };
  if (path === '') return { problem: 'names no model' };
  if (revision === '') return { problem: 'names no revision after "@"' };
  return { path, revision };
}

/** The text that says what the parts of a reference say. */
export function referenceText({ path, revision }: ModelLocation, adapter: ModelLocation | undefined): string {
  const model = revision === undefined ? path : `${path}@${revision}`;
  return adapter === undefined ? model : `${model}+${referenceText(adapter, undefined)}`;
}

/** Whether two different texts are two spellings of one path, as `A`, `./A` and `A/` are. They name two models all the same. */
export function isOtherSpelling(text: string, other: string): boolean {
  return text !== other && plainPath(text) === plainPath(other);
}

function plainPath(text: string): string {
  return text
    .replace(/\/{2,}/g, '/')
    .replace(/^(?:\.\/)+/, '')
    .replace(/\/$/, '');
}
