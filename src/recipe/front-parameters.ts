/** Which parameters of `sparsify` a recipe's sparsifiers read: each has its own, and the others do nothing. */
import { FRONT } from '../../kernels/methods/in-front.js';
import { PARAMETERS_OF_SPARSIFIERS, SPARSIFIERS, type SparsifierName } from '../../kernels/sparsify/sparsifiers.js';
import { warning } from '../warnings.js';
import type { Findings } from './findings.js';
import type { Position } from './position.js';
import type { ParameterTable } from './recipe.js';

/** The sparsifiers that some tensor may get, `none` for none. */
function sparsifiersIn(levels: readonly ParameterTable[]): ReadonlySet<string> {
  const values = levels.flatMap((level) => level.get(`${FRONT}method`)?.entries ?? []);
  return new Set(values.flatMap((entry) => entry.values.map(String)));
}

/** A sparsifier is named once, for all models. */
export function reportNoMethod(position: Position, path: string, findings: Findings): void {
  findings.problem(position, path, 'names no method', `write method: ${SPARSIFIERS.join(', ')}`);
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

/** Tells of parameters in `tables` that nothing reads: a problem where no sparsifier is named at all, else a warning. */
export function checkFront(tables: readonly ParameterTable[], findings: Findings): void {
  const names = [...sparsifiersIn(tables)];
  const reads = frontReader(tables);
  if (names.length === 0) {
    const [lost] = tables.flatMap((table) => [...table].filter(([key]) => !reads(key)));
    if (lost !== undefined) reportNoMethod(lost[1].position, lost[1].path, findings);
    return;
  }
  for (const table of tables) {
    for (const [key, { position }] of table) {
      if (reads(key)) continue;
      const reason = `sparsify.method ${names.join(' and ')} does not use it`;
      findings.warn(position, (place) => warning('ignored-key', { place, key, reason }));
    }
  }
}
