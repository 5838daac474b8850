/** Which models take part: the base taken out or added as mergekit does, duplicates noticed, parameters read. */
import { type Method, spaceOf } from '../../kernels/method.js';
import { warning } from '../warnings.js';
import { excerpt, type Findings } from './findings.js';
import type { ModelReading, RecipeReading } from './keys.js';
import { NO_PARAMETERS, type ParameterReading, readParameters } from './parameters.js';
import type { Position } from './position.js';
import type { ModelReference } from './reference.js';

/** A model that takes part, with what the check for missing values needs. */
export interface Participant {
  readonly reference: ModelReference;
  readonly path: string;
  readonly position: Position;
  readonly parameters: ParameterReading;
}

/** The models to merge, in recipe order; entries that are wrong are left out, as their problems are reported. */
export function readModels(recipe: RecipeReading, method: Method, findings: Findings): readonly Participant[] {
  const base = recipe.values.base_model;
  const written = recipe.values.models ?? [];
  const hasTaskVectors = spaceOf(method, base !== undefined) === 'taskVectors';
  const participants: Participant[] = [];
  for (const model of written) {
    const reference = model.values.model;
    if (reference === undefined) continue;
    if (base !== undefined && hasTaskVectors && reference.text === base.text) warnOfBaseParameters(model, findings);
    else participants.push(readParticipant(model, reference, method));
  }
  if (participants.length === 0 && written.some((model) => model.values.model !== undefined)) {
    recipe.present
      .get('models')
      ?.problem('holds only the base model, so there is nothing to merge', 'list the experts');
  }
  warnOfDuplicates(participants, findings);
  const appended = appendedBase(recipe, participants, method, findings);
  const all = appended === undefined ? participants : [...participants, appended];
  if (participants.length > 0) checkCount(all.length, recipe, method);
  return all;
}

function checkCount(found: number, { values, present }: RecipeReading, method: Method): void {
  const { minimum = 1, maximum = Number.POSITIVE_INFINITY } = method.operandCount ?? {};
  if (found >= minimum && found <= maximum) return;
  const bounds =
    maximum === minimum ? `exactly ${minimum}` : found < minimum ? `at least ${minimum}` : `at most ${maximum}`;
  const besides = spaceOf(method, values.base_model !== undefined) === 'taskVectors' ? ' besides the base' : '';
  const message = `${method.name} takes ${bounds} ${bounds.endsWith(' 1') ? 'model' : 'models'}${besides}, found ${found}`;
  present.get('models')?.problem(message);
}

function readParticipant(model: ModelReading, reference: ModelReference, method: Method): Participant {
  const { path, position } = model.cursor;
  return { reference, path, position, parameters: readParameters(model, 'model', method) };
}

/** mergekit merges a base that is not listed as one more input, with no parameters of its own. */
function appendedBase(
  recipe: RecipeReading,
  participants: readonly Participant[],
  method: Method,
  findings: Findings,
): Participant | undefined {
  const base = recipe.values.base_model;
  if (base === undefined || spaceOf(method, true) === 'taskVectors') return undefined;
  if (participants.some(({ reference }) => reference.text === base.text)) return undefined;
  const model = excerpt(base.text);
  findings.warn(base.position, (place) => warning('base-appended', { place, model }));
  return { reference: base, path: 'base_model', position: base.position, parameters: NO_PARAMETERS };
}

function warnOfBaseParameters({ present }: ModelReading, findings: Findings): void {
  const parameters = present.get('parameters');
  if (parameters === undefined) return;
  const reason = 'this model is the base, which takes no parameters';
  findings.warn(parameters.position, (place) => warning('ignored-key', { place, key: 'parameters', reason }));
}

function warnOfDuplicates(participants: readonly Participant[], findings: Findings): void {
  const seen = new Set<string>();
  for (const { reference } of participants) {
    const { text, position } = reference;
    if (seen.has(text)) {
      findings.warn(position, (place) => warning('duplicate-model', { place, model: excerpt(text) }));
    }
    seen.add(text);
  }
}
