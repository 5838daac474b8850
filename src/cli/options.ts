/** Options as commander hands them over, and the recipe they apply to. */
import { availableParallelism } from 'node:os';
import { M2MergeError } from '../errors.js';
import { LANE_QUANTUM } from '../plan/unit-layout.js';
import { parseRecipes } from '../recipe/documents.js';
import type { RecipeText } from '../recipe/load.js';
import type { Recipe } from '../recipe/recipe.js';
import { DEFAULT_TILE_ELEMENTS } from '../run/engine.js';

export interface PlanCommandOptions {
  readonly seed?: number;
  readonly outShardSize: number;
  readonly threads?: number;
  readonly tile?: number;
  readonly strict?: boolean;
  readonly report?: boolean;
  readonly intermediateDir?: string;
  readonly json?: boolean;
  readonly stream?: boolean;
  readonly spoolSize?: number;
  /** Of a merge, also where `--plan` only shows it. */
  readonly overwrite?: boolean;
}

export interface MergeCommandOptions extends PlanCommandOptions {
  readonly sha256?: boolean;
  readonly quiet?: boolean;
  readonly kernels: 'simd' | 'reference';
  /** Repository to push the merged model to, and how. */
  readonly push?: string;
  readonly private?: boolean;
  readonly branch?: string;
  readonly createPr?: boolean;
}

/**
 * The recipes of a file, each after those whose models it needs, with what the command line overrides. Throws `usage`
 * for a folder of intermediate models that there are none of.
 */
export function recipesWith(
  { text, origin }: RecipeText,
  { seed, intermediateDir }: PlanCommandOptions,
): readonly Recipe[] {
  const recipes = parseRecipes(text, origin);
  if (intermediateDir !== undefined && recipes.length === 1) {
    const message = '--intermediate-dir is for the models of several documents, and this recipe is one';
    throw new M2MergeError('usage', { message });
  }
  return seed === undefined ? recipes : recipes.map((recipe) => ({ ...recipe, seed }));
}

export function threadsOf({ threads }: Pick<PlanCommandOptions, 'threads'>): number {
  return threads ?? availableParallelism();
}

/** Most elements of a tile: longer reads gain nothing, and each worker holds one of every model in its 4 GB. */
const MOST_TILE_ELEMENTS = 16_777_216;

/** Elements of a tile; throws `usage` unless they are a multiple of the quantum, and not too many. */
export function tileOf({ tile }: Pick<PlanCommandOptions, 'tile'>): number {
  if (tile === undefined) return DEFAULT_TILE_ELEMENTS;
  if (tile > MOST_TILE_ELEMENTS)
    throw new M2MergeError('usage', { message: `--tile is at most ${MOST_TILE_ELEMENTS}, found ${tile}` });
  if (tile % LANE_QUANTUM === 0) return tile;
  throw new M2MergeError('usage', { message: `--tile must be a multiple of ${LANE_QUANTUM}, found ${tile}` });
}

/** What the options say about models on the Hub; throws `usage` for the size of a spool that is not used. */
export function streamOf({ stream, spoolSize }: Pick<MergeCommandOptions, 'stream' | 'spoolSize'>): {
  stream: boolean;
  spoolBytes?: number;
} {
  if (spoolSize !== undefined && !stream) {
    throw new M2MergeError('usage', { message: '--spool-size bounds the disk of --stream, which is not given' });
  }
  return { stream: stream ?? false, ...(spoolSize === undefined ? {} : { spoolBytes: spoolSize }) };
}
