/** Recipe and headers in, plan out. Reads no weights and decides everything that a run carries out. */
import { createHash } from 'node:crypto';
import { type Method, spaceOf } from '../../kernels/method.js';
import { findMethod } from '../../kernels/methods/registry.js';
import type { Settings } from '../../kernels/parameters.js';
import type { TensorMerge } from '../../kernels/unit.js';
import { bytesPerElement, isMergeable, type OutputDtype } from '../checkpoint/dtype.js';
import { createLayerIndex } from '../checkpoint/layers.js';
import { formatShardIndex } from '../checkpoint/shard-index.js';
import { layOutShards, type ShardLayout } from '../checkpoint/shards.js';
import { M2MergeError } from '../errors.js';
import type { Recipe } from '../recipe/recipe.js';
import { createResolver, layerFraction, type Resolver } from '../recipe/resolve.js';
import { type Warning, warning } from '../warnings.js';
import { estimateCosts } from './costs.js';
import { type Job, PLAN_VERSION, type Plan, type PlanInput, type PreparedMerge, type Source } from './plan.js';
import { DEFAULT_SHARD_BYTES } from './shard-size.js';
import { layoutOf, mergeOf } from './tensor-merge.js';
import { checkTensors, commonOutputDtype, mergeableLocation, type NamedCheckpoint, outputTensors } from './tensors.js';
import { LONGEST_RUN_ELEMENTS } from './unit-layout.js';

/** The checkpoints of a recipe: its base, when it has one, and its models in order. */
export interface RecipeCheckpoints {
  readonly base: NamedCheckpoint | undefined;
  readonly models: readonly NamedCheckpoint[];
}

export interface PlanOptions {
  readonly shardBytes?: number;
  /** Read also the models that have no share in a tensor, for reports that measure all of them. */
  readonly readAll?: boolean;
}

/** Plans a merge. Throws `tensor-missing`, `shape-mismatch`, `dtype-unmergeable`, `recipe-invalid`, `nothing-to-merge`. */
export function buildPlan(recipe: Recipe, checkpoints: RecipeCheckpoints, options: PlanOptions = {}): PreparedMerge {
  const builder = new PlanBuilder(recipe, checkpoints, options.readAll ?? false);
  return builder.build(options.shardBytes ?? DEFAULT_SHARD_BYTES);
}

class PlanBuilder {
  readonly #recipe: Recipe;
  readonly #readAll: boolean;
  readonly #method: Method;
  readonly #resolver: Resolver;
  readonly #inputs: readonly NamedCheckpoint[];
  readonly #base: NamedCheckpoint | undefined;
  readonly #models: readonly NamedCheckpoint[];
  readonly #donor: NamedCheckpoint;
  readonly #settings: Settings[] = [];
  readonly #settingsIndex = new Map<Settings, number>();
  readonly #widened = new Map<string, { from: string; to: string; count: number }>();

  constructor(recipe: Recipe, { base, models }: RecipeCheckpoints, readAll: boolean) {
    this.#readAll = readAll;
    this.#recipe = recipe;
    this.#method = findMethod(recipe.method)!;
    this.#resolver = createResolver(recipe, this.#method);
    this.#base = spaceOf(this.#method, base !== undefined) === 'taskVectors' ? base : undefined;
    this.#models = models;
    this.#inputs = this.#base === undefined ? models : [this.#base, ...models];
    const donor = base ?? models[0];
    if (donor === undefined)
      throw new M2MergeError('nothing-to-merge', { detail: 'the recipe names no model besides its base' });
    this.#donor = this.#inputs.find(({ checkpoint }) => checkpoint === donor.checkpoint) ?? this.#inputs[0]!;
  }

  build(shardBytes: number): PreparedMerge {
    const warnings = [...this.#recipe.warnings, ...this.#inputs.flatMap(({ checkpoint }) => checkpoint.warnings)];
    warnings.push(
      ...checkTensors(
        this.#donor,
        this.#inputs.filter((input) => input !== this.#donor),
      ),
    );
    const names = outputTensors(this.#donor);
    const { layerOf } = createLayerIndex(names);
    const drafts = names.map((tensor) => {
      const layer = layerOf(tensor);
      return this.#draftJob(tensor, layer === undefined ? 0 : layerFraction(layer.index, layer.count));
    });
    const layouts = layOutShards(drafts.map(describeOutput), {
      shardByteLimit: shardBytes,
      metadata: { format: 'pt' },
    });
    const plan = this.#assemble(drafts, layouts);
    this.#checkSettings(plan);
    checkRows(plan);
    for (const facts of this.#widened.values()) warnings.push(warning('dtype-widened', facts));
    return {
      plan,
      costs: estimateCosts(plan),
      planHash: createHash('sha256').update(JSON.stringify(plan)).digest('hex'),
      folders: this.#inputs.map(({ checkpoint }) => checkpoint.folder),
      paths: this.#inputs.map(({ checkpoint }) => checkpoint.files.map(({ path }) => path)),
      shardHeaders: layouts.map(({ header }) => header),
      indexText: layouts.length > 1 ? formatIndex(drafts, layouts) : undefined,
      warnings: deduplicate(warnings),
    };
  }

  #draftJob(tensor: string, t: number): DraftJob {
    const donorInput = this.#inputs.indexOf(this.#donor);
    const location = this.#donor.checkpoint.tensors.get(tensor)!;
    if (!isMergeable(location.dtype)) return this.#draftCopy(tensor, donorInput);
    const settings = this.#resolver.forMerge(tensor, t);
    const operands = this.#models.flatMap((_, model) => {
      const source = this.#source(tensor, this.#base === undefined ? model : model + 1);
      const own = this.#resolver.forModel(model, tensor, t);
      return !this.#readAll && this.#method.ignores(own, settings)
        ? []
        : [{ model, source, settings: this.#intern(own) }];
    });
    const base = this.#base === undefined ? undefined : this.#source(tensor, 0);
    const dtypes = [...(base === undefined ? [] : [base]), ...operands.map(({ source }) => source)].map(
      ({ dtype }) => dtype,
    );
    const outputDtype = this.#recipe.outputDtype ?? this.#commonDtype(dtypes.length > 0 ? dtypes : [location.dtype]);
    // A task vector method without operands leaves the base: carried over unless its dtype changes.
    const isAsStored = base?.dtype === outputDtype && base.lowRank === undefined;
    if (operands.length === 0 && isAsStored) return this.#draftCopy(tensor, 0);
    const { shape, elements } = location;
    return { kind: 'merge', tensor, shape, elements, base, operands, settings: this.#intern(settings), outputDtype };
  }

  #draftCopy(tensor: string, input: number): DraftJob {
    const { shape, dtype, begin, end, file } = this.#inputs[input]!.checkpoint.tensors.get(tensor)!;
    return { kind: 'copy', tensor, shape, dtype, byteLength: end - begin, source: { input, file, begin } };
  }

  #source(tensor: string, input: number): Source {
    const { file, begin, dtype, lowRank } = mergeableLocation(tensor, this.#inputs[input]!);
    return { input, file, begin, dtype, ...(lowRank === undefined ? {} : { lowRank }) };
  }

  #commonDtype(dtypes: readonly Source['dtype'][]): OutputDtype {
    const to = commonOutputDtype(dtypes);
    const from = [...new Set(dtypes)].join(' and ');
    if (from !== to)
      this.#widened.set(`${from} ${to}`, { from, to, count: (this.#widened.get(`${from} ${to}`)?.count ?? 0) + 1 });
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
      inputs: this.#inputs.map((input) => describeInput(input, input === this.#base ? 'base' : 'model')),
      donor: this.#inputs.indexOf(this.#donor),
      settings: this.#settings,
      jobs: drafts.map((draft): Job => ({ ...draft, target: places.get(draft.tensor)! })),
      shards: layouts.map(({ fileName, byteLength }) => ({ name: fileName, byteLength })),
    };
  }

  #checkSettings(plan: Plan): void {
    const tensors = plan.jobs.flatMap((job) => (job.kind === 'merge' ? [mergeOf(plan, job, () => NO_KEY)] : []));
    this.#checkChoices(tensors);
    const message = this.#method.check?.(tensors);
    if (message === undefined) return;
    const { line, column } = this.#recipe.models[0]?.reference.position ?? { line: 1, column: 1 };
    const problem = { line, column, path: 'models', message };
    throw new M2MergeError('recipe-invalid', { file: this.#recipe.file, problems: [problem] });
  }

  /** Choices of the merge decide which statistics are gathered, and those are gathered for all tensors alike. */
  #checkChoices(tensors: readonly TensorMerge[]): void {
    const [first] = tensors;
    for (const { name, kind, scope } of this.#method.parameters) {
      if (kind !== 'choice' || scope !== 'merge') continue;
      if (tensors.every(({ settings }) => settings[name] === first!.settings[name])) continue;
      const { line, column } = this.#recipe.parameters.get(name)!.position;
      const message = 'varies by tensor, but the whole merge takes one value of it';
      const problem = { line, column, path: `parameters.${name}`, message, hint: 'leave out the filters' };
      throw new M2MergeError('recipe-invalid', { file: this.#recipe.file, problems: [problem] });
    }
  }
}

type DraftJob = { readonly [K in Job['kind']]: Omit<Extract<Job, { kind: K }>, 'target'> }[Job['kind']];

/** Rows that a method takes whole must fit into a worker's memory. */
function checkRows(plan: Plan): void {
  for (const job of plan.jobs) {
    if (job.kind !== 'merge') continue;
    const { runElements } = layoutOf(plan, job);
    const facts = { tensor: job.tensor, method: plan.method, elements: runElements, limit: LONGEST_RUN_ELEMENTS };
    if (runElements > LONGEST_RUN_ELEMENTS) throw new M2MergeError('row-too-long', facts);
  }
}

/** Stands where settings are looked at and nothing is drawn. */
const NO_KEY = [0, 0] as const;

function describeInput({ name, checkpoint }: NamedCheckpoint, role: 'base' | 'model'): PlanInput {
  const files = checkpoint.files.map((file) => ({
    name: file.name,
    byteLength: file.byteLength,
    headerSha256: file.headerSha256,
  }));
  return { reference: name, role, files };
}

function describeOutput(draft: DraftJob) {
  return { name: draft.tensor, shape: draft.shape, dtype: draft.kind === 'copy' ? draft.dtype : draft.outputDtype };
}

function formatIndex(drafts: readonly DraftJob[], layouts: readonly ShardLayout[]): string {
  const bytesOf = (draft: DraftJob) =>
    draft.kind === 'copy' ? draft.byteLength : draft.elements * bytesPerElement(draft.outputDtype);
  return formatShardIndex({
    totalParameters: drafts.reduce(
      (total, { shape }) => total + shape.reduce((product, length) => product * length, 1),
      0,
    ),
    totalSize: drafts.reduce((total, draft) => total + bytesOf(draft), 0),
    weightMap: new Map(
      layouts.flatMap(({ fileName, tensors }) => [...tensors.keys()].map((name) => [name, fileName] as const)),
    ),
  });
}

function deduplicate(warnings: readonly Warning[]): Warning[] {
  return [...new Map(warnings.map((entry) => [JSON.stringify(entry), entry])).values()];
}
