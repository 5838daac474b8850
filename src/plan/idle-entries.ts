/** Entries of parameters that decide nothing: their filter matches no tensor, or an entry before them takes all. */
import { placeIn } from '../errors.js';
import { compileFilter, matchesAll, type TensorFilter } from '../recipe/filter.js';
import type { ParameterTable, ParameterValue, Recipe } from '../recipe/recipe.js';
import { type Warning, warning } from '../warnings.js';
import type { NamedCheckpoint } from './tensors.js';

/** Signs of a pattern in what is a part of a name. */
const PATTERN_SIGNS = /[|*?^$\\]/;
const IS_PATTERN = /^(?:regex|glob):/;

/** A star that repeats nothing, as shells have it. */
const SHELL_STAR = /(?:^|[\w-])\*/;

/** Filters of models match their own names of tensors, and those of the merge the merged model's. */
export function warnOfIdleEntries(
  { file, modules }: Recipe,
  models: readonly NamedCheckpoint[],
  merged: readonly { readonly tensor: string }[],
): Warning[] {
  const slices = modules.flatMap((module) => module.slices);
  const tables = new Set(slices.flatMap((slice) => [slice, ...slice.sources].flatMap(({ levels }) => levels)));
  let names: readonly string[] | undefined;
  // Names are many, and most recipes have no filter.
  const matchesAny: MatchesAny = (filter) => {
    names ??= [
      ...new Set(models.flatMap(({ checkpoint }) => [...checkpoint.tensors.keys()])),
      ...merged.map(({ tensor }) => tensor),
    ];
    return names.some(filter);
  };
  return [...tables].flatMap((table: ParameterTable) =>
    [...table].flatMap(([key, value]) => idleEntries(key, value, file, matchesAny)),
  );
}

type MatchesAny = (filter: TensorFilter) => boolean;

function idleEntries(key: string, { entries, position }: ParameterValue, file: string, matchesAny: MatchesAny) {
  const place = placeIn(file, position);
  const catchAll = entries.findIndex(({ filter }) => matchesAll(filter));
  return entries.flatMap(({ filter = '' }, index): Warning[] => {
    if (catchAll !== -1 && index > catchAll) return [warning('entry-unreached', { place, key, filter })];
    const matches = matchesAll(filter) ? undefined : compileFilter(filter);
    if (typeof matches !== 'function' || matchesAny(matches)) return [];
    const pattern = patternMeant(filter);
    return [warning('filter-unmatched', { place, key, filter, ...(pattern === undefined ? {} : { pattern }) })];
  });
}

/** What a part of a name that reads like a pattern may have been meant as; undefined for one that does not. */
function patternMeant(filter: string): string | undefined {
  if (!PATTERN_SIGNS.test(filter) || IS_PATTERN.test(filter)) return undefined;
  return SHELL_STAR.test(filter) ? `glob:*${filter.replace(/^\*+|\*+$/g, '')}*` : `regex:${filter}`;
}
