/**
 * Embeddings and heads by tokens: each input's rows in the order of the merged vocabulary. mergekit's rules: a model's
 * own row where it has the token, else the row of the only model that has it, the base's, or the mean of those that have
 * it; recipes say otherwise for single tokens.
 */
import { M2MergeError } from '../errors.js';
import type { Recipe, TokenRule } from '../recipe/recipe.js';
import type { Ids } from '../tokenizer/token-ids.js';
import { type Warning, warning } from '../warnings.js';
import { isByToken } from './embedding-rows.js';
import { locate, type Part } from './parts.js';
import type { Source } from './plan.js';
import type { PlanModel } from './plan-models.js';
import { type RowMap, RowMapBuilder, type RowRuns, type Terms } from './row-maps.js';
import { mergeableLocation } from './tensors.js';
import type { Vocabulary } from './vocabulary.js';

/** The tensors' parts of a merge: of the base, and of the sources. */
export interface TensorParts {
  readonly tensor: string;
  readonly base: Part | undefined;
  readonly sources: readonly Part[];
}

/** A model's tensor that rows are taken of. */
type Lender = Pick<Part, 'model' | 'location'>;

const ABSENT = -1;

export class TokenRows {
  readonly #vocabulary: Vocabulary;
  readonly #recipe: Recipe;
  readonly #inputs: readonly PlanModel[];
  readonly #maps = new Map<string, { readonly map: RowMap; readonly runs: RowRuns; readonly index: number }>();
  /** By the ids of a tokenizer, which models may share: those of the rows' tokens. */
  readonly #ids = new Map<Ids, Int32Array>();
  readonly #zero = new Map<string, { readonly token: string; count: number }>();
  readonly #cut: Warning[] = [];

  constructor(vocabulary: Vocabulary, recipe: Recipe, inputs: readonly PlanModel[]) {
    this.#vocabulary = vocabulary;
    this.#recipe = recipe;
    this.#inputs = inputs;
  }

  /** Rows of the merged embedding. */
  get rows(): number {
    return this.#vocabulary.tokens.length;
  }

  /** The maps that sources refer to. */
  get maps(): readonly RowMap[] {
    return [...this.#maps.values()].map(({ map }) => map);
  }

  /** The runs of each. */
  get runs(): readonly RowRuns[] {
    return [...this.#maps.values()].map(({ runs }) => runs);
  }

  get warnings(): Warning[] {
    const zero = [...this.#zero].map(([tensor, { token, count }]) => warning('tokens-zero', { token, tensor, count }));
    return [...this.#vocabulary.warnings, ...this.#cut, ...zero];
  }

  /** Whether the rows of a tensor with these parts are tokens. */
  covers(parts: readonly Part[]): boolean {
    return parts.some(({ name, location, model }) => isByToken(name, location, model.checkpoint));
  }

  /** Where each part is read. Throws `recipe-invalid` when a rule names a row that is not there, `dtype-unmergeable`. */
  sourcesOf({ tensor, base, sources }: TensorParts): ReadonlyMap<Part, Source> {
    const parts = base === undefined ? sources : [base, ...sources];
    const lenders = this.#lenders(tensor, parts);
    const builders = new Map(parts.map(({ model }) => [model, new RowMapBuilder<PlanModel>()]));
    this.#vocabulary.tokens.forEach((token, row) => {
      this.#placeRow(tensor, token, row, lenders, builders);
    });
    return new Map(parts.map((part) => [part, this.#source(tensor, part, lenders, builders.get(part.model)!)]));
  }

  /** The tensor in the models that take part, and in those that lend rows only. */
  #lenders(tensor: string, parts: readonly Part[]): ReadonlyMap<PlanModel, Lender> {
    const lenders = new Map<PlanModel, Lender>(parts.map((part) => [part.model, part]));
    for (const model of this.#inputs) {
      const location = lenders.has(model) ? undefined : locate(model, tensor);
      if (location !== undefined) lenders.set(model, { model, location });
    }
    return lenders;
  }

  #placeRow(
    tensor: string,
    token: string | undefined,
    row: number,
    lenders: ReadonlyMap<PlanModel, Lender>,
    builders: ReadonlyMap<PlanModel, RowMapBuilder<PlanModel>>,
  ): void {
    if (token === undefined) {
      for (const builder of builders.values()) builder.push('mean');
      return;
    }
    const rule = this.#vocabulary.recipe.tokens.get(token);
    let shared: Terms<PlanModel> | undefined;
    for (const [model, builder] of builders) {
      const own = rule?.force ? ABSENT : this.#rowIn(lenders.get(model)!, row);
      shared ??= own === ABSENT ? this.#default(tensor, token, row, lenders, [...builders.keys()]) : undefined;
      builder.push(own === ABSENT ? shared! : [{ model, row: own }]);
    }
  }

  /** The row for models that lack the token. */
  #default(
    tensor: string,
    token: string,
    row: number,
    lenders: ReadonlyMap<PlanModel, Lender>,
    members: readonly PlanModel[],
  ): Terms<PlanModel> {
    const rule = this.#vocabulary.recipe.tokens.get(token);
    if (rule?.source !== undefined) {
      const terms = this.#ruled(token, row, rule, lenders);
      if (terms !== undefined) return terms;
    }
    const base = this.#modelOf(this.#recipe.base?.text);
    const asked = base !== undefined && !members.includes(base) ? [base, ...members] : members;
    const owners = asked.flatMap((model) => {
      const lender = lenders.get(model);
      const found = lender === undefined ? ABSENT : this.#rowIn(lender, row);
      return found === ABSENT ? [] : [{ model, row: found }];
    });
    if (owners.length === 0) this.#noteZero(tensor, token);
    const ofBase = owners.find(({ model }) => model === base);
    return ofBase === undefined ? owners : [ofBase];
  }

  /** What a rule says; undefined when its model does not have the tensor at all. */
  #ruled(
    token: string,
    row: number,
    { source, position, path }: TokenRule,
    lenders: ReadonlyMap<PlanModel, Lender>,
  ): Terms<PlanModel> | undefined {
    if (source === undefined || source.kind === 'zero') return [];
    const refuse = (message: string): never => {
      const problem = { line: position.line, column: position.column, path, message };
      throw new M2MergeError('recipe-invalid', { file: this.#recipe.file, problems: [problem] });
    };
    const model = this.#modelOf(source.model.text);
    const lender = model && lenders.get(model);
    if (lender === undefined) return undefined;
    const height = lender.location.shape[0] ?? 0;
    const name = JSON.stringify(lender.model.name);
    if (source.kind === 'model') {
      const found = this.#rowIn(lender, row);
      if (found === ABSENT) return refuse(`${name} has no row for token ${JSON.stringify(token)}`);
      return [{ model: lender.model, row: found }];
    }
    const asked = source.token;
    const id = typeof asked === 'number' ? asked : this.#vocabulary.idsOf.get(lender.model.name)?.get(asked);
    if (id === undefined) return refuse(`${name} has no token ${JSON.stringify(asked)}`);
    if (id >= height) return refuse(`${name} has rows for ${height} tokens, not for number ${id}`);
    return [{ model: lender.model, row: id }];
  }

  #modelOf(name: string | undefined): PlanModel | undefined {
    return name === undefined ? undefined : this.#inputs.find((input) => input.name === name);
  }

  /** The row that a model has for the token of a row of the merged one. */
  #rowIn({ model, location }: Lender, row: number): number {
    const id = this.#idsIn(model)[row]!;
    return id < (location.shape[0] ?? 0) ? id : ABSENT;
  }

  #idsIn({ name }: PlanModel): Int32Array {
    const { tokens, idsOf } = this.#vocabulary;
    const ids = idsOf.get(name)!;
    const known = this.#ids.get(ids);
    if (known !== undefined) return known;
    const found = Int32Array.from(tokens, (token) => (token === undefined ? ABSENT : (ids.get(token) ?? ABSENT)));
    this.#ids.set(ids, found);
    return found;
  }

  #source(
    tensor: string,
    part: Part,
    lenders: ReadonlyMap<PlanModel, Lender>,
    builder: RowMapBuilder<PlanModel>,
  ): Source {
    const plain = this.#plainSource(tensor, part);
    const height = part.location.shape[0] ?? 0;
    if (height > this.rows) {
      const facts = { model: part.model.name, tensor, rows: height, kept: this.rows };
      this.#cut.push(warning('vocabulary-cut', facts));
    }
    if (builder.isPlain && builder.parts[0] === part.model) return plain;
    const { map, runs } = builder.finish();
    const known = this.#maps.get(map.digest) ?? { map, runs, index: this.#maps.size };
    this.#maps.set(map.digest, known);
    const parts = builder.parts.map((model) => this.#plainSource(tensor, lenders.get(model)!));
    const { input, file, begin, dtype } = plain;
    return { input, file, begin, dtype, rows: { map: known.index, parts } };
  }

  #plainSource(tensor: string, { model, location }: Lender): Source {
    const { file, begin, dtype, lowRank } = mergeableLocation(tensor, location, model.name);
    return { input: model.input, file, begin, dtype, ...(lowRank === undefined ? {} : { lowRank }) };
  }

  #noteZero(tensor: string, token: string): void {
    const known = this.#zero.get(tensor);
    if (known === undefined) this.#zero.set(tensor, { token, count: 1 });
    else known.count++;
  }
}
