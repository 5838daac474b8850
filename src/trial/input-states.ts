/** The states of the models that variants are merged from: results go by them, since scores of older models are none. */
import { M2MergeError } from '../errors.js';
import { textOfInputs } from '../plan/inputs.js';
import { isSameState, stateOfInputs } from '../plan/local-models.js';
import type { SweepVariant } from '../sweep/expand.js';
import type { SweepRow } from '../sweep/result.js';

/** By identity of a variant; see `stateOfInputs`. */
export type InputStates = ReadonlyMap<string, string | undefined>;

/** Variants are thousands, and nearly all read the same models, which are looked at once. */
export async function statesOf(variants: readonly SweepVariant[]): Promise<InputStates> {
  const known = new Map<string, string | undefined>();
  const states = new Map<string, string | undefined>();
  for (const { id, recipe } of variants) {
    const inputs = textOfInputs(recipe);
    if (!known.has(inputs)) known.set(inputs, await stateOfInputs(recipe));
    states.set(id, known.get(inputs));
  }
  return states;
}

/** Identities of those with rows that were made of their models in another state. */
function outdated(rows: ReadonlyMap<string, SweepRow>, states: InputStates): string[] {
  return [...states].flatMap(([id, state]) => {
    const row = rows.get(id);
    return row === undefined || isSameState(row.inputs, state) ? [] : [id];
  });
}

/** The rows that still count: all, unless some are to be made anew. Throws `results-outdated` where that is not asked for. */
export function currentRows(
  rows: ReadonlyMap<string, SweepRow>,
  states: InputStates,
  folder: string,
  overwrite: boolean,
): ReadonlyMap<string, SweepRow> {
  const old = new Set(outdated(rows, states));
  if (old.size === 0) return rows;
  if (!overwrite) throw new M2MergeError('results-outdated', { folder, count: old.size });
  return new Map([...rows].filter(([id]) => !old.has(id)));
}
