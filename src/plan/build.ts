/** Recipe and headers in, plan out. Reads no weights and decides everything that a run carries out. */
import { createHash } from 'node:crypto';
import { type Method, modelBounds } from '../../kernels/method.js';
import { findMethod } from '../../kernels/methods/registry.js';
import type { Settings } from '../../kernels/parameters.js';
import { isMergeable, type OutputDtype } from '../checkpoint/dtype.js';
import { compareUtf8 } from '../checkpoint/order.js';
import { layOutShards, type ShardLayout } from '../checkpoint/shards.js';
import { M2MergeError } from '../errors.js';
import type { Recipe } from '../recipe/recipe.js';
import { createResolver, type Resolver } from '../recipe/resolve.js';
import { type Warning, warning } from '../warnings.js';
import type { BesideWeights } from './beside-weights.js';
import { checkPlan } from './check-plan.js';
import { configFields } from './config-fields.js';
import { estimateCosts } from './costs.js';
import { describeInput } from './describe-input.js';
import { type DraftJob, describeOutput, draftCopy, formatIndex, sourceOf } from './draft-jobs.js';
import type { PlanModels } from './drafts.js';
import { findTensors } from './find-tensors.js';
import type { InputOptions } from './hub-inputs.js';
import { warnOfIdleEntries } from './idle-entries.js';
import type { FoundTensor, Part } from './parts.js';
import { type Job, type OperandPlan, PLAN_VERSION, type Plan, type PreparedMerge, type Source } from './plan.js';
import { type PlanModel, planModel, warningsOfModels } from './plan-models.js';
import { checkShardBytes, DEFAULT_SHARD_BYTES } from './shard-size.js';
import { commonOutputDtype, type NamedCheckpoint } from './tensors.js';
import { TokenRows } from './token-rows.js';
import { filesOf, type Vocabulary } from './vocabulary.js';

/** The checkpoints of a recipe, in its order. */
export interface RecipeCheckpoints {
  /** The recipe's own base. */
  readonly base: NamedCheckpoint | undefined;
  /** Those of `recipe.bases`. */
  readonly bases: readonly NamedCheckpoint[];
  readonly models: readonly NamedCheckpoint[];
  /** Tokens that rows of embeddings go by; undefined: by their numbers. */
  readonly vocabulary?: Vocabulary | undefined;
  readonly beside?: BesideWeights | undefined;
}

export interface PlanOptions extends InputOptions {
  readonly shardBytes?: number;
  /** Read also the models that have no share in a tensor, for reports that measure all of them. */
  readonly readAll?: boolean;
  /** Cut embeddings and heads of different heights to the rows that all models have, whatever the method does. */
  readonly commonRows?: boolean;
}

/** Plans a merge. Throws `tensor-missing`, `shape-mismatch`, `dtype-unmergeable`, `recipe-invalid`, `nothing-to-merge`. */
export function buildPlan(recipe: Recipe, checkpoints: RecipeCheckpoints, options: PlanOptions = {}): PreparedMerge {
  const builder = new PlanBuilder(recipe, checkpoints, options);
  const { shardBytes = DEFAULT_SHARD_BYTES } = options;
  checkShardBytes(shardBytes);
  return builder.build(shardBytes);
}

class PlanBuilder {
  readonly #recipe: Recipe;
  readonly #options: PlanOptions;
  readonly #method: Method;
  readonly #resolver: Resolver;
  readonly #participants: PlanModels;
  /** The participants, and the donor where it is none of them. */
  readonly #inputs: readonly PlanModel[];
  readonly #donor: PlanModel;
  readonly #tokenRows: TokenRows | undefined;
  readonly #beside: BesideWeights | undefined;
  readonly #settings: Settings[] = [];
  readonly #settingsIndex = new Map<Settings, number>();
  readonly #implied = new Map<string, { from: string; to: string; count: number }>();
  /** Weights that several models have, but not in a dtype that is merged. */
  #unmerged: { tensor: string; dtype: string; model: string; count: number } | undefined;

  constructor(recipe: Recipe, { base, bases, models, vocabulary, beside }: RecipeCheckpoints, options: PlanOptions) {
    this.#options = options;
    this.#recipe = recipe;
    this.#method = findMethod(recipe.method)!;
    this.#resolver = createResolver(recipe, this.#method);
    const donor = base ?? bases[0] ?? models[0];
    if (donor === undefined) throw new M2MergeError('nothing-to-merge', { detail: 'the recipe names no model' });
    const inputs = [...bases, ...models].map(planModel);
    const participant = inputs.find(({ checkpoint }) => checkpoint === donor.checkpoint);
    this.#donor = participant ?? planModel(donor, inputs.length);
    this.#inputs = participant === undefined ? [...inputs, this.#donor] : inputs;
    this.#tokenRows = vocabulary && new TokenRows(vocabulary, recipe, this.#inputs);
    this.#beside = beside;
    this.#participants = { bases: inputs.slice(0, bases.length), models: inputs.slice(bases.length) };
  }

  build(shardBytes: number): PreparedMerge {
    const found = findTensors(this.#recipe, this.#method, this.#participants, this.#donor, {
      order: this.#tokenRows,
      commonRows: this.#options.commonRows ?? false,
    });
    const warnings = [...this.#recipe.warnings, ...warningsOfModels(this.#inputs), ...found.warnings];
    warnings.push(...warnOfIdleEntries(this.#recipe, this.#inputs, found.tensors));
    const merged = found.tensors.map((tensor) => this.#draftJob(tensor));
    const carried = found.carried.map((tensor) => this.#draftCarried(tensor, merged));
    const drafts = [...merged, ...carried].sort((a, b) => compareUtf8(a.tensor, b.tensor));
    const layouts = layOutShards(drafts.map(describeOutput), {
      shardByteLimit: shardBytes,
      metadata: { format: 'pt' },
    });
    const plan = this.#assemble(drafts, layouts);
    checkPlan(plan, this.#method, this.#recipe);
    const config = configFields(this.#donor, this.#inputs, plan, found.stacks);
    warnings.push(...(this.#tokenRows?.warnings ?? []), ...config.warnings, ...(this.#beside?.warnings ?? []));
    warnings.push(...this.#dtypeWarnings(plan));
    if (this.#unmerged !== undefined) warnings.push(warning('weights-unmerged', this.#unmerged));
    return {
      plan,
      costs: estimateCosts(plan),
      planHash: createHash('sha256').update(JSON.stringify(plan)).digest('hex'),
      folders: this.#inputs.map(({ checkpoint }) => checkpoint.folder),
      paths: this.#inputs.map(({ checkpoint }) => checkpoint.files.map(({ path }) => path)),
      // What is in the cache may be fetched anew, and goes by its content there.
      versions: this.#inputs.map(({ checkpoint }) =>
        checkpoint.files.map(({ version, hub }) => (hub === undefined ? version : undefined)),
      ),
      hubModels: this.#inputs.map(({ checkpoint }) => checkpoint.hub),
      hubFiles: this.#inputs.map(({ checkpoint }) => checkpoint.files.map(({ hub }) => hub)),
      shardHeaders: layouts.map(({ header }) => header),
      indexText: layouts.length > 1 ? formatIndex(drafts, layouts) : undefined,
      donorFiles: filesOf(this.#donor.checkpoint),
      donorConfig: this.#donor.checkpoint.config,
      configFields: [...config.fields, ...(this.#beside?.configFields ?? [])],
      rowRuns: this.#tokenRows?.runs ?? [],
      beside: this.#beside,
      stacks: found.stacks.map(({ prefix, layers }) => ({
        prefix,
        layers: layers.map((parts) => parts.map(({ model, index }) => ({ input: model.input, layer: index }))),
      })),
      warnings: deduplicate(warnings),
    };
  }

  /**
   * A tensor of the donor that is in none of the modules: as it is, unless the recipe names another dtype or an adapter
   * changes it. Then it is a base without operands, with settings that choose nothing for it: those of any merged tensor.
   */
  #draftCarried(tensor: string, merged: readonly DraftJob[]): DraftJob {
    const location = this.#donor.checkpoint.tensors.get(tensor)!;
    if (this.#tokenRows?.covers([{ model: this.#donor, name: tensor, location }])) {
      const { position } = this.#recipe.tokenizer!;
      const message = `rows of ${JSON.stringify(tensor)} would have to go by tokens, but it is in none of the modules`;
      const problem = { ...position, path: 'tokenizer', message, hint: 'name a module that holds it, as "default"' };
      throw new M2MergeError('recipe-invalid', { file: this.#recipe.file, problems: [problem] });
    }
    const { shape, elements, dtype, lowRank } = location;
    const named = this.#recipe.outputDtype;
    const isAsStored = lowRank === undefined && (named ?? dtype) === dtype;
    const like = merged.find((draft) => draft.kind === 'merge');
    if (!isMergeable(dtype) || isAsStored || like === undefined) return draftCopy(tensor, this.#donor, location);
    const job = { kind: 'merge', tensor, shape, elements, operands: [], settings: like.settings } as const;
    const outputDtype = named ?? commonOutputDtype([dtype]);
    return { ...job, base: sourceOf(tensor, this.#donor, location), outputDtype };
  }

  #draftJob(found: FoundTensor): DraftJob {
    const { tensor, slice, t, shape, elements, base } = found;
    const first = base ?? found.sources[0]!;
    const ordered = found.byToken ? this.#tokenRows!.sourcesOf(found) : undefined;
    if (!isMergeable(first.location.dtype)) return this.#draftUnmerged(found, first);
    const sourceFor = (part: Part) => ordered?.get(part) ?? sourceOf(tensor, part.model, part.location);
    const settings = this.#resolver.forSlice(slice, tensor, t);
    const operands = found.sources.flatMap((part): OperandPlan[] => {
      const own = this.#resolver.forSource(part.source, part.name, t);
      const isIgnored = this.#method.ignores(own, settings);
      if (isIgnored && !this.#options.readAll) return [];
      const operand = { model: part.source.model, source: sourceFor(part), settings: this.#intern(own) };
      return [isIgnored ? { ...operand, isOnlyMeasured: true } : operand];
    });
    operands.sort((a, b) => Number(a.isOnlyMeasured ?? false) - Number(b.isOnlyMeasured ?? false));
    const subtracted = base && sourceFor(base);
    const outputDtype = this.#recipe.outputDtype ?? this.#impliedDtype(subtracted, operands, first.location.dtype);
    // A task vector method without operands leaves the base: carried over unless its dtype changes.
    const { minimum } = modelBounds(this.#method);
    const tooFew = found.sources.length < minimum || (subtracted !== undefined && operands.length === 0);
    const isReordered = sourceFor(first).rows !== undefined;
    const isAsStored = first.location.dtype === outputDtype && first.location.lowRank === undefined && !isReordered;
    if (tooFew && isAsStored) return draftCopy(tensor, first.model, first.location, shape);
    const job = { kind: 'merge', tensor, shape, elements, base: subtracted, outputDtype } as const;
    // What too few models have is not merged: without operands it is the base, as it is rounded, moved or adapted.
    const few = subtracted === undefined ? repeat(operands, minimum) : [];
    return { ...job, operands: found.sources.length < minimum ? few : operands, settings: this.#intern(settings) };
  }

  /** Whole numbers and truth values are the first model's, which others may have as they like, but not as what is merged. */
  #draftUnmerged({ tensor, sources }: FoundTensor, { model, location }: Part): DraftJob {
    const { dtype } = location;
    const others = sources.filter((part) => part.model !== model);
    const merged = others.find((part) => isMergeable(part.location.dtype));
    if (merged !== undefined) {
      const expected = `a floating point dtype as in ${merged.model.name} (${merged.location.dtype})`;
      throw new M2MergeError('dtype-unmergeable', { tensor, model: model.name, dtype, expected });
    }
    // Buffers, as positions, hardly ever differ; weights do.
    if (others.length > 0 && tensor.endsWith('weight')) {
      this.#unmerged ??= { tensor, dtype, model: model.name, count: 0 };
      this.#unmerged.count++;
    }
    return draftCopy(tensor, model, location);
  }

  #dtypeWarnings({ jobs, rounding }: Plan): Warning[] {
    const implied = [...this.#implied.values()].map((facts) => warning('dtype-implied', facts));
    const merged = jobs.filter((job) => job.kind === 'merge');
    const isUnrounded = merged.length > 0 && merged.every(({ outputDtype }) => outputDtype === 'F32');
    return rounding === 'stochastic' && isUnrounded ? [...implied, warning('rounding-unused', { rounding })] : implied;
  }

  /** That of the base where there is one, as in mergekit, so that it does not depend on how experts were saved. */
  #impliedDtype(base: Source | undefined, operands: readonly OperandPlan[], fallback: Source['dtype']): OutputDtype {
    const own = operands.map(({ source }) => source.dtype);
    const to = commonOutputDtype(base === undefined ? (own.length > 0 ? own : [fallback]) : [base.dtype]);
    const from = [...new Set(base === undefined ? own : [base.dtype, ...own])].join(' and ');
    if (from !== '' && from !== to) {
      const key = `${from} ${to}`;
      this.#implied.set(key, { from, to, count: (this.#implied.get(key)?.count ?? 0) + 1 });
    }
    return to;
  }

  /** Equal settings are one object (the resolver sees to it), so identity is enough to share them. */
  #intern(settings: Settings): number {
    const known = this.#settingsIndex.get(settings);
    if (known !== undefined) return known;
    this.#settingsIndex.set(settings, this.#settings.length);
    return this.#settings.push(settings) - 1;
  }

  #assemble(drafts: readonly DraftJob[], layouts: readonly ShardLayout[]): Plan {
    const places = new Map(
      layouts.flatMap((layout, shard) =>
        [...layout.tensors].map(([name, { begin }]) => [name, { shard, begin }] as const),
      ),
    );
    return {
      version: PLAN_VERSION,
      method: this.#method.name,
      preset: this.#recipe.preset,
      rounding: this.#recipe.rounding,
      seed: this.#recipe.seed,
      inputs: this.#inputs.map((input) => describeInput(input, this.#recipe, this.#participants)),
      donor: this.#donor.input,
      settings: this.#settings,
      ...(this.#beside === undefined ? {} : { beside: this.#beside.digest }),
      ...(this.#tokenRows === undefined ? {} : { rowMaps: this.#tokenRows.maps }),
      jobs: drafts.map((draft): Job => ({ ...draft, target: places.get(draft.tensor)! })),
      shards: layouts.map(({ fileName, byteLength }) => ({ name: fileName, byteLength })),
    };
  }
}

/** The only model that has a tensor stands for all that the method takes: what equal models merge to is itself. */
function repeat(operands: readonly OperandPlan[], count: number): readonly OperandPlan[] {
  return operands.length === 0 ? [] : Array.from({ length: count }, (_, index) => operands[index % operands.length]!);
}

function deduplicate(warnings: readonly Warning[]): Warning[] {
  return [...new Map(warnings.map((entry) => [JSON.stringify(entry), entry])).values()];
}
