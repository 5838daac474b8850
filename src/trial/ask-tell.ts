/**
 * A sweep that another program steers: it asks for settings, one line of JSON each, and is told how their models did.
 * docs/sweeps.md has the protocol. Searching is left to optimisers; merging, evaluating and remembering happen here.
 */
import { COMMAND_LINE, isM2MergeError } from '../errors.js';
import type { RecipeOrigin } from '../recipe/parse.js';
import type { Plain, SweepSection } from '../recipe/sweep-keys.js';
import { isList, type Setting } from '../sweep/combinations.js';
import { expandChoices, type SweepVariant } from '../sweep/expand.js';
import { readSweep } from '../sweep/load.js';
import { scoreOf, shownRow } from '../sweep/ranking.js';
import type { SweepResult } from '../sweep/result.js';
import { currentRows, statesOf } from './input-states.js';
import type { ResultsLog } from './results-log.js';
import { runSweep, type SweepRunOptions } from './run-sweep.js';
import {
  nameOf,
  type PrepareOptions,
  priceSweep,
  refuseWarnings,
  rulesOf,
  type SweepChoices,
  type SweepRules,
  warningsOf,
  warningsOfJudges,
  writeResult,
} from './sweep.js';

/** One line of the answer. */
export type Answer = Readonly<Record<string, unknown>>;

/** A question: settings under a name of the asker's. */
interface Question {
  readonly id: unknown;
  readonly settings: readonly Setting[];
}

type AskTellOptions = SweepRunOptions & Pick<PrepareOptions, 'strict'>;

export class AskTellSweep {
  readonly #text: string;
  readonly #origin: RecipeOrigin;
  readonly #section: SweepSection;
  readonly #rules: SweepRules;
  readonly #log: ResultsLog;
  readonly #options: AskTellOptions;
  /** All that was asked for, by identity. */
  readonly #variants = new Map<string, SweepVariant>();

  /** Throws `recipe-invalid`, `usage` and `warnings-refused`. The log stays the caller's to close. */
  constructor(
    recipe: { readonly text: string; readonly origin: RecipeOrigin },
    choices: SweepChoices,
    log: ResultsLog,
    options: AskTellOptions,
  ) {
    this.#text = recipe.text;
    this.#origin = recipe.origin;
    const { section, warnings } = readSweep(recipe.text, recipe.origin, choices.set, true);
    this.#section = section;
    this.#rules = { ...rulesOf(section, choices), mayGrow: true };
    const told = [...warnings, ...warningsOf(this.#rules)];
    refuseWarnings(told, options);
    options.onWarnings?.(told);
    this.#log = log;
    this.#options = options;
  }

  /** What the asker is told first: what may be asked for, and what decides. */
  get ready(): Answer {
    const space = this.#section.axes.map(({ setting, values }) => {
      if (isList(values)) return [setting, { choices: values }];
      const { minimum, maximum, logarithmic } = values;
      return [setting, { minimum, maximum, log: logarithmic }];
    });
    const { metric, maximize } = this.#rules.objective;
    return { event: 'ready', space: Object.fromEntries(space), objective: { metric, maximize } };
  }

  /**
   * Answers one line: a question, or a list of them, which are merged together. Whatever is wrong with a question is told
   * in its answer. Rejects when the run cannot go on (interrupted, disk full, a model unreadable).
   */
  async answer(line: string): Promise<Answer[]> {
    let asked: readonly unknown[];
    try {
      const value: unknown = JSON.parse(line);
      asked = Array.isArray(value) ? value : [value];
    } catch {
      return [refusal(null, 'the line is not JSON')];
    }
    const expanded = asked.map((question) => this.#expand(question));
    const variants = expanded.flatMap((entry) => ('variant' in entry ? [entry.variant] : []));
    if (variants.length > 0) await this.#run(variants);
    return expanded.map((entry) => ('variant' in entry ? this.#tell(entry) : entry.refused));
  }

  /** Merges the best of all that was asked for where it is to stay and is not there, and writes the result. */
  async finish(): Promise<SweepResult> {
    const task = { ...this.#rules, variants: [...this.#variants.values()], waveSize: 1, mayGrow: false };
    await runSweep(task, this.#log, { ...this.#options, retry: false });
    return writeResult({ task, recipeName: nameOf(this.#origin) }, this.#log);
  }

  #expand(value: unknown): { id: unknown; variant: SweepVariant } | { refused: Answer } {
    const question = readQuestion(value);
    if ('problem' in question) return { refused: refusal(question.id, question.problem) };
    try {
      const { variants } = expandChoices(this.#text, this.#origin, [question.settings], true);
      return { id: question.id, variant: variants[0]! };
    } catch (error) {
      if (!isM2MergeError(error)) throw error;
      return { refused: refusal(question.id, error.message.replace(`${COMMAND_LINE}: `, '')) };
    }
  }

  /** Merges and evaluates what is not known yet, and once what is known from before and is to be judged again. */
  async #run(variants: readonly SweepVariant[]): Promise<void> {
    const fresh = variants.filter(({ id }) => !this.#variants.has(id));
    for (const variant of variants) this.#variants.set(variant.id, variant);
    if (this.#options.retry) await this.#carryOut(fresh, true);
    // All that was asked for takes part: which models stay depends on the best of all.
    await this.#carryOut([...this.#variants.values()], false);
  }

  async #carryOut(variants: readonly SweepVariant[], retry: boolean): Promise<void> {
    const options = { ...this.#options, retry };
    const states = await statesOf(variants);
    const rows = currentRows(this.#log.rows, states, this.#rules.folder, options.overwrite);
    const { costs, warnings } = await priceSweep(variants, this.#rules, rows, options);
    this.#options.onWarnings?.([...warningsOfJudges(variants, rows, this.#rules, options), ...warnings]);
    await runSweep({ ...this.#rules, variants, waveSize: costs.waveSize }, this.#log, options);
  }

  #tell({ id, variant }: { readonly id: unknown; readonly variant: SweepVariant }): Answer {
    const { objective } = this.#rules;
    const known = this.#log.row(variant.id)!;
    const { recipe: _, id: __, ...row } = shownRow(known, objective);
    return { event: 'told', id, score: scoreOf(known, objective) ?? null, ...row };
  }
}

const refusal = (id: unknown, message: string): Answer => ({ event: 'error', id, message });

function readQuestion(value: unknown): Question | { readonly id: unknown; readonly problem: string } {
  if (typeof value !== 'object' || value === null) return { id: null, problem: 'expected {"id": …, "settings": {…}}' };
  const { id = null, settings } = value as { id?: unknown; settings?: unknown };
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    return { id, problem: 'expected "settings" to be an object of settings and their values' };
  }
  return {
    id,
    // They come from elsewhere, so they are at no place of the recipe.
    settings: Object.entries(settings).map(([setting, chosen]) => ({
      setting,
      position: undefined,
      value: asPlain(chosen),
    })),
  };
}

/** A JSON value as YAML would have it: scalars as text. */
function asPlain(value: unknown): Plain {
  if (Array.isArray(value)) return value.map(asPlain);
  if (value === null) return null;
  if (typeof value !== 'object') return String(value);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asPlain(inner)]));
}
