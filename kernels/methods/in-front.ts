/**
 * Sparsification in front of any method that works on task vectors: what the method then sees as experts are these
 * without the elements that were dropped. Settings are those of the recipe's `sparsify`.
 */
import type { Method, Preset } from '../method.js';
import { type ChoiceParameter, choiceOf, type Parameter, type Setting, type Settings } from '../parameters.js';
import { gammaParameter } from '../sparsify/breadcrumbs.js';
import { epsilonParameter } from '../sparsify/della.js';
import { rescaleFactors } from '../sparsify/rescale.js';
import { SPARSIFIERS, type SparsifierName, sparsifierOf } from '../sparsify/sparsifiers.js';
import type { CollectorScope, Statistic } from '../statistic.js';
import type { Combine, TensorMerge, Tile, UnitContext } from '../unit.js';
import { type TileView, untouched } from '../view.js';
import { densityParameter } from './common-parameters.js';

/** Names of the parameters in a recipe's `sparsify` begin with this. */
export const FRONT = 'sparsify.';

const method: ChoiceParameter = {
  name: 'method',
  scope: 'merge',
  kind: 'choice',
  choices: ['none', ...SPARSIFIERS],
  default: 'none',
  summary: 'what drops elements of each task vector before the method sees it',
};

const rescale: ChoiceParameter = {
  name: 'rescale',
  scope: 'merge',
  kind: 'choice',
  choices: ['auto', 'l1', 'density', 'none'],
  default: 'auto',
  synonyms: { true: 'l1', false: 'none' },
  summary: 'what makes up for dropped elements; auto: l1 for dare and della, else none',
};

/** The parameters that every method on task vectors has on top of its own. */
export const FRONT_PARAMETERS: readonly Parameter[] = [
  method,
  densityParameter,
  gammaParameter,
  epsilonParameter,
  rescale,
].map((parameter) => ({ ...parameter, name: FRONT + parameter.name }));

const FRONT_PRESETS: Readonly<Record<Preset, Settings>> = {
  mergekit: {},
  m2rl: { [`${FRONT}density`]: 0.8, [`${FRONT}rescale`]: 'density' },
};

/** The method with `sparsify` in front; methods on weights are returned as they are. */
export function withSparsify(inner: Method): Method {
  if (inner.space === 'weights') return inner;
  const presets = Object.fromEntries(
    Object.entries(inner.presets).map(([preset, own]) => [preset, { ...FRONT_PRESETS[preset as Preset], ...own }]),
  );
  return {
    ...inner,
    parameters: [...inner.parameters, ...FRONT_PARAMETERS],
    presets,
    statistics(settings) {
      const kind = kindOf(settings);
      if (kind === 'none') return inner.statistics(settings);
      const front = sparsifierOf(kind).statistics(frontSettings(settings, kind));
      return [...front.map((statistic) => inFront(statistic, kind)), ...inner.statistics(settings).map(behind)];
    },
    check(tensors) {
      const isUsed = tensors.some(({ space, settings }) => space === 'weights' && sparsifies(settings));
      return isUsed ? 'sparsify thins task vectors, and without base_model there are none' : inner.check?.(tensors);
    },
    wholeRows: (settings) => kindOf(settings) === 'della' || (inner.wholeRows?.(settings) ?? false),
    survivors(context) {
      const kind = kindOf(context.merge.settings);
      const survivors = inner.survivors ?? untouched;
      if (kind === 'none') return survivors(context);
      // Most methods know what they merged last, and are not asked: nothing is set aside for it before.
      let survive: ReturnType<TileView> | undefined;
      const prepare = (): ReturnType<TileView> => {
        const [own, view] = [survivors(contextBehind(context)), frontView(context)];
        return (tile) => own(view(tile));
      };
      const show = (tile: Tile) => {
        survive ??= prepare();
        return survive(tile);
      };
      return Object.assign(show, { factors: rescaleFactors(frontContext(context, kind)) });
    },
    combine(context) {
      if (!sparsifies(context.merge.settings)) return inner.combine(context);
      const view = frontView(context);
      const combine = inner.combine(contextBehind(context));
      const combineFront: Combine = (tile, destination) => combine(view(tile), destination);
      return Object.assign(combineFront, { shown: combine.shown });
    },
  };
}

/** Whether these settings of a merge have something dropped in front of the method. */
export const sparsifies = (settings: Settings): boolean => kindOf(settings) !== 'none';

// A recipe without `sparsify` has none of its settings.
const kindOf = (settings: Settings) => (settings[`${FRONT}method`] ?? 'none') as SparsifierName | 'none';

/** The settings of `sparsify` under the names that sparsifiers know. */
function frontSettings(settings: Settings, kind: SparsifierName): Settings {
  const own: Record<string, Setting> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (name.startsWith(FRONT)) own[name.slice(FRONT.length)] = value;
  }
  if (own.rescale === 'auto') own.rescale = kind === 'dare' || kind === 'della' ? 'l1' : 'none';
  return own;
}

function frontMerge(merge: TensorMerge, kind: SparsifierName): TensorMerge {
  return {
    ...merge,
    settings: frontSettings(merge.settings, kind),
    operands: merge.operands.map((operand) => ({ ...operand, settings: frontSettings(operand.settings, kind) })),
  };
}

function frontContext(context: UnitContext, kind: SparsifierName): UnitContext {
  const statistics = Object.fromEntries(
    Object.entries(context.statistics).flatMap(([name, value]) =>
      name.startsWith(FRONT) ? [[name.slice(FRONT.length), value]] : [],
    ),
  );
  const keep: UnitContext['keep'] = (name, bytes) => context.keep(FRONT + name, bytes);
  return { ...context, merge: frontMerge(context.merge, kind), statistics, keep };
}

const frontView: TileView = (context) => {
  const kind = choiceOf(context.merge.settings, `${FRONT}method`) as SparsifierName;
  return sparsifierOf(kind).view(frontContext(context, kind));
};

/** What turns a key of random numbers into one of its own for the method behind a sparsifier. */
const BEHIND: readonly [number, number] = [0x62656869, 0x6e640000];

/**
 * The unit as the method behind a sparsifier has it: with random numbers of its own, since what both drop by the same ones
 * would be dropped once, and made up for twice. The sparsifier has those of a method alone.
 */
function contextBehind(context: UnitContext): UnitContext {
  const operands = context.merge.operands.map((operand) => {
    const [low, high] = operand.randomKey;
    return { ...operand, randomKey: [(low ^ BEHIND[0]) >>> 0, (high ^ BEHIND[1]) >>> 0] as const };
  });
  return { ...context, merge: { ...context.merge, operands } };
}

/** A statistic that the sparsifier needs. */
function inFront(statistic: Statistic, kind: SparsifierName): Statistic {
  const scopeOf = ({ tensors }: CollectorScope): CollectorScope => ({
    tensors: tensors.map((merge) => frontMerge(merge, kind)),
  });
  return {
    ...statistic,
    name: FRONT + statistic.name,
    observer: (context, request) => statistic.observer(frontContext(context, kind), request),
    collector: (scope) => statistic.collector(scopeOf(scope)),
    valueForUnit: (value, position, merge) => statistic.valueForUnit(value, position, frontMerge(merge, kind)),
  };
}

/** A statistic of the method, which sees what the sparsifier left. */
function behind({ observation: _observation, ...statistic }: Statistic): Statistic {
  return {
    ...statistic,
    observer(context, request) {
      const view = frontView(context);
      const observer = statistic.observer(contextBehind(context), request);
      return { observe: (tile) => observer.observe(view(tile)), finish: () => observer.finish() };
    },
  };
}
