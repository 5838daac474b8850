/** Entries of parameters that decide nothing: their filter matches no tensor, or an entry before them takes all. */
import { placeIn } from '../errors.js';
import { compileFilter, matchesAll } from '../recipe/filter.js';
import type { ParameterTable, ParameterValue, Recipe } from '../recipe/recipe.js';
import { type Warning, warning } from '../warnings.js';
import type { NamedCheckpoint } from './tensors.js';

/** Signs of a pattern in what is a part of a name. */
const PATTERN_SIGNS = /[|*?^$\\]/;
const IS_PATTERN = /^(?:regex|glob):/;

/** Filters of models match their own names of tensors, and those of the merge the merged model's. */
export function warnOfIdleEntries(
  { file, modules }: Recipe,
  models: readonly NamedCheckpoint[],
  merged: readonly { readonly tensor: string }[],
): Warning[] {
  const own = models.flatMap(({ checkpoint }) => [...checkpoint.tensors.keys()]);
  const names = [...new Set([...own, ...merged.map(({ tensor }) => tensor)])];
  const slices = modules.flatMap((module) => module.slices);
  const tables = new Set(slices.flatMap((slice) => [slice, ...slice.sources].flatMap(({ levels }) => levels)));
  return [...tables].flatMap((table: ParameterTable) =>
    [...table].flatMap(([key, value]) => idleEntries(key, value, file, names)),
  );
}

function idleEntries(key: string, { entries, position }: ParameterValue, file: string, names: readonly string[]) {
  const place = placeIn(file, position);
  const catchAll = entries.findIndex(({ filter }) => matchesAll(filter));
  return entries.flatMap(({ filter = '' }, index): Warning[] => {
    if (catchAll !== -1 && index > catchAll) return [warning('entry-unreached', { place, key, filter })];
    const matches = compileFilter(filter);
    if (typeof matches !== 'function' || names.some(matches)) return [];
    const pattern = PATTERN_SIGNS.test(filter) && !IS_PATTERN.test(filter) ? { pattern: `regex:${filter}` } : {};
    return [warning('filter-unmatched', { place, key, filter, ...pattern })];
  });
}
