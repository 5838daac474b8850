/** What planning found beside the plan: tensors that some models lack or that are cut, told once for each model. */
import { M2MergeError } from '../errors.js';
import { type Warning, warning } from '../warnings.js';
import type { PlanModel } from './plan-models.js';

interface Tally {
  /** The first tensor of the kind. */
  readonly tensor: string;
  count: number;
}

export class PlanNotes {
  readonly #missing = new Map<string, Tally & { readonly presentIn: string }>();
  readonly #extra = new Map<string, Tally>();
  readonly #partial = new Map<string, Tally>();
  readonly #kept = new Map<string, Tally>();
  readonly #cuts = new Map<string, Warning>();

  /** A tensor is left out, since the model that decides lacks it. */
  extra({ name }: PlanModel, tensor: string): void {
    countIn(this.#extra, name, { tensor });
  }

  /** A model does without the tensor; it is merged from the others. */
  partial({ name }: PlanModel, tensor: string): void {
    countIn(this.#partial, name, { tensor });
  }

  /** A model does without the tensor, and those that are left are too few: it is the base's. */
  kept({ name }: PlanModel, tensor: string): void {
    countIn(this.#kept, name, { tensor });
  }

  /** A model lacks a tensor that it cannot do without. */
  missing({ name }: PlanModel, tensor: string, presentIn: PlanModel): void {
    countIn(this.#missing, name, { tensor, presentIn: presentIn.name });
  }

  /** Rows of a model's embedding or head do not take part. */
  cut({ name }: PlanModel, tensor: string, rows: number, kept: number): void {
    const cut = warning('rows-cut', { model: name, tensor, rows, kept });
    this.#cuts.set(JSON.stringify(cut), cut);
  }

  /** Throws `tensor-missing` for the first model that lacks a tensor. */
  throwMissing(): void {
    const [first] = this.#missing;
    if (first === undefined) return;
    const [model, facts] = first;
    throw new M2MergeError('tensor-missing', { model, ...facts });
  }

  get warnings(): Warning[] {
    const named = (tallies: ReadonlyMap<string, Tally>) =>
      [...tallies].map(([model, { tensor, count }]) => ({ model, tensor, count }));
    return [
      ...named(this.#extra).map((facts) => warning('extra-tensor', facts)),
      ...named(this.#partial).map((facts) => warning('partial-tensor', facts)),
      ...named(this.#kept).map((facts) => warning('base-kept', facts)),
      ...this.#cuts.values(),
    ];
  }
}

function countIn<T extends object>(tallies: Map<string, T & { count: number }>, model: string, facts: T): void {
  const known = tallies.get(model);
  if (known === undefined) tallies.set(model, { ...facts, count: 1 });
  else known.count++;
}
