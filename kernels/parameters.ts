/** How a method declares what a recipe may set. The recipe reader, the JSON Schema and the docs read these. */

/** `model`: one value for each model. `merge`: one value for the whole merge. Both may vary by tensor and by layer. */
export type ParameterScope = 'model' | 'merge';

interface ParameterBase {
  readonly name: string;
  readonly scope: ParameterScope;
  /** One line, without a trailing period. */
  readonly summary: string;
  /** Whether mergekit's method, which has no such parameter, ignores what recipes for it may well set. */
  readonly ignoredByMergekit?: true;
}

export interface NumberParameter extends ParameterBase {
  readonly kind: 'number';
  /** Without a default the recipe must give a value for every model (scope `model`) or for the merge. */
  readonly default?: number;
  /** Words that may stand for the number, which the method then works out; not in lists over layers. */
  readonly words?: readonly string[];
  /** Inclusive bounds. Values are finite in any case. */
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface BooleanParameter extends ParameterBase {
  readonly kind: 'boolean';
  readonly default: boolean;
}

export interface ChoiceParameter extends ParameterBase {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  readonly default: string;
  /** Spellings accepted for a choice, booleans of other tools among them: `{true: 'l1', false: 'none'}`. */
  readonly synonyms?: Readonly<Record<string, string>>;
}

export type Parameter = NumberParameter | BooleanParameter | ChoiceParameter;

export type Setting = number | boolean | string;

/** Resolved values of one scope, by parameter name; every declared parameter of that scope is present. */
export type Settings = Readonly<Record<string, Setting>>;

/** Reads a number that the declaration guarantees to be there. */
export function numberOf(settings: Settings, name: string): number {
  const value = settings[name];
  // NaN in its place would merge to something all the same.
  if (typeof value !== 'number') throw new TypeError(`the settings hold no number ${name}`);
  return value;
}

/** Reads a boolean that the declaration guarantees to be there. */
export function flagOf(settings: Settings, name: string): boolean {
  return settings[name] as boolean;
}

/** Reads a choice that the declaration guarantees to be there. */
export function choiceOf(settings: Settings, name: string): string {
  return settings[name] as string;
}
