/** Which parameters of `sparsify` a recipe's sparsifiers read: each has its own, and the others do nothing. */
import { FRONT } from '../../kernels/methods/in-front.js';
import { PARAMETERS_OF_SPARSIFIERS, type SparsifierName } from '../../kernels/sparsify/sparsifiers.js';
import { warning } from '../warnings.js';
import type { Findings } from './findings.js';
import type { ParameterTable } from './recipe.js';

/** The sparsifiers that some tensor may get, `none` for none. */
function sparsifiersIn(levels: readonly ParameterTable[]): ReadonlySet<string> {
  const values = levels.flatMap((level) => level.get(`${FRONT}method`)?.entries ?? []);
  return new Set(values.flatMap((entry) => entry.values.map(String)));
}

/** Tells of a parameter, by its whole name, whether it is of use where these tables decide. */
export function frontReader(levels: readonly ParameterTable[]): (name: string) => boolean {
  const sparsifiers = [...sparsifiersIn(levels)].filter((name) => name !== 'none') as SparsifierName[];
  const read = new Set(sparsifiers.flatMap((name) => PARAMETERS_OF_SPARSIFIERS[name]));
  const isThinned = levels.some((level) => level.has(`${FRONT}method`));
  return (name) => {
    if (!name.startsWith(FRONT)) return true;
    const own = name.slice(FRONT.length);
    return own === 'method' ? isThinned : read.has(own);
  };
}

/** Warns of parameters in `tables` that none of the recipe's sparsifiers reads. */
export function warnOfUnusedFront(tables: readonly ParameterTable[], findings: Findings): void {
  const names = [...sparsifiersIn(tables)];
  // Without a method, that one is missing has been told.
  if (names.length === 0) return;
  const reads = frontReader(tables);
  for (const table of tables) {
    for (const [key, { position }] of table) {
      if (reads(key)) continue;
      const reason = `sparsify.method ${names.join(' and ')} does not use it`;
      findings.warn(position, (place) => warning('ignored-key', { place, key, reason }));
    }
  }
}
