/** What reading a recipe brought to light: problems, thrown together, and warnings, handed on. */
import { M2MergeError, placeIn, type RecipeProblem } from '../errors.js';
import { describeWarning, type Warning } from '../warnings.js';
import { byPlace, type Position } from './position.js';

/** Characters of the user's own text that a message repeats. */
const LONGEST_QUOTE = 60;

/** Text of the recipe for use in a message: quoted on one line, cut when long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}

/** Text of the recipe for use inside a message that puts it in quotes itself. */
export function excerpt(text: string): string {
  return quote(text).slice(1, -1);
}

export class Findings {
  readonly file: string;
  readonly #problems = new Map<string, RecipeProblem>();
  readonly #warnings = new Map<string, Position & { readonly warning: Warning }>();

  constructor(file: string) {
    this.file = file;
  }

  /** Notes a problem. Through an alias one mistake is met many times: the first path to it is kept. */
  problem(position: Position, path: string, message: string, hint?: string): void {
    const { line, column } = position;
    const key = `${line}:${column}:${message}`;
    if (this.#problems.has(key)) return;
    this.#problems.set(key, { line, column, path, message, ...(hint === undefined ? {} : { hint }) });
  }

  /** Notes the problems of other findings. */
  takeProblems(other: Findings): void {
    for (const [key, problem] of other.#problems) this.#problems.set(key, problem);
  }

  /** Notes a warning, once; `compose` makes it from the place as warnings name it. */
  warn({ line, column }: Position, compose: (place: string) => Warning): void {
    const warning = compose(placeIn(this.file, { line, column }));
    this.#warnings.set(describeWarning(warning), { line, column, warning });
  }

  /** The warnings in the order of the file. */
  get warnings(): readonly Warning[] {
    return [...this.#warnings.values()].sort(byPlace).map(({ warning }) => warning);
  }

  /** Throws one `recipe-invalid` with all problems in the order of the file, if there are any. */
  throwProblems(): void {
    if (this.#problems.size === 0) return;
    throw new M2MergeError('recipe-invalid', { file: this.file, problems: [...this.#problems.values()].sort(byPlace) });
  }
}
