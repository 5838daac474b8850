/**
 * A LoRA adapter added to a checkpoint: the result is a checkpoint like any other, whose tensors may have a low-rank term
 * or lie in the adapter's file. Nothing is computed here.
 */
import { LARGEST_RANK } from '../../kernels/abi.js';
import { M2MergeError } from '../errors.js';
import { type Warning, warning } from '../warnings.js';
import type { AdapterConfig } from './adapter-config.js';
import { type AdapterPart, type FactorSide, readAdapterTensorName } from './adapter-names.js';
import type { Checkpoint, CheckpointFile, FactorLocation, LowRankTerm, TensorLocation } from './checkpoint.js';
import { statedTie } from './config.js';
import { isMergeable, type MergeableDtype } from './dtype.js';
import type { HeaderTensor } from './header.js';
import { shorten } from './safetensors-rules.js';
import { isTokenEmbedding } from './tensor-roles.js';

/**
 * Most elements of the factor that a worker holds as a whole, [rank, columns] in f32: 32 MiB. A rank of 256 over 28,672
 * columns fits.
 */
const LARGEST_FACTOR_ELEMENTS = 8_388_608;

const HEAD = 'lm_head.weight';

/** Layers of GPT-2 and its kin that may be stored with inputs as rows. */
const CONV1D = /\.(?:c_attn|q_attn|c_proj|c_fc)\.weight$/;

/**
 * What a tensor of an adapter may be called in the base: models are saved under other names than they have in memory, and
 * adapters are made of a model with its head or without.
 */
const RENAMES: readonly (readonly [from: string, to: string])[] = [
  ['model.language_model.', 'model.'],
  ['model.language_model.', 'language_model.model.'],
  ['model.visual.', 'visual.'],
  ['model.vision_tower.', 'vision_tower.'],
  ['model.multi_modal_projector.', 'multi_modal_projector.'],
  ['lm_head.', 'language_model.lm_head.'],
  ['transformer.', ''],
  ['model.', ''],
  ['', 'model.'],
  ['', 'transformer.'],
];

/** An adapter as its config and its header say. */
export interface Adapter {
  readonly config: AdapterConfig;
  readonly file: CheckpointFile;
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
  readonly warnings: readonly Warning[];
}

/** The base checkpoint and the adapter, as the recipe calls them. */
export interface AdapterNames {
  readonly model: string;
  readonly adapter: string;
}

/**
 * The checkpoint that base and adapter make together. Throws `adapter-mismatch` where they do not belong together,
 * `adapter-invalid` and `adapter-unsupported`.
 */
export function addAdapter(base: Checkpoint, adapter: Adapter, names: AdapterNames): Checkpoint {
  const joint = new JointCheckpoint(base, adapter, names);
  return joint.build();
}

/** One of the factors of a module, with its name for messages. */
interface Factor {
  readonly name: string;
  readonly tensor: HeaderTensor;
  /** The tensor that it is for, as the model that was trained calls it. */
  readonly trained: string;
}

/** A tensor of the adapter and what it is. */
interface NamedPart extends Factor {
  readonly part: AdapterPart;
}

interface Pair {
  readonly a: Factor;
  readonly b: Factor;
  /** With DoRA. */
  readonly magnitudes?: Factor;
}

class JointCheckpoint {
  readonly #base: Checkpoint;
  readonly #adapter: Adapter;
  readonly #names: AdapterNames;
  /** Index of the adapter's file among all. */
  readonly #file: number;

  constructor(base: Checkpoint, adapter: Adapter, names: AdapterNames) {
    this.#base = base;
    this.#adapter = adapter;
    this.#names = names;
    this.#file = base.files.length;
  }

  build(): Checkpoint {
    const parts = this.#readParts();
    const tensors = new Map(this.#base.tensors);
    // First what is replaced: an adapted embedding may be saved with the rows that were added to it.
    for (const { part, name, tensor } of parts) {
      if (part.kind === 'whole') tensors.set(part.tensor, this.#replace(part.tensor, name, tensor));
    }
    for (const [name, factors] of this.#pairs(parts))
      tensors.set(name, this.#addTerm(name, tensors.get(name)!, factors));
    return {
      ...this.#base,
      files: [...this.#base.files, this.#adapter.file],
      tensors,
      warnings: [...this.#base.warnings, ...this.#adapter.warnings, ...this.#tiedWarnings(parts)],
    };
  }

  /** The adapter's tensors with what each is, all of them checked to have their place in the base. */
  #readParts(): readonly NamedPart[] {
    const parts = [...this.#adapter.tensors].map(([name, tensor]) => {
      const part = readAdapterTensorName(name);
      if ('unsupported' in part) {
        const reason = `${part.unsupported} (tensor "${shorten(name)}")`;
        throw new M2MergeError('adapter-unsupported', { file: this.#adapter.file.path, reason });
      }
      return { name, tensor, trained: part.tensor, part: { ...part, tensor: this.#nameInBase(part.tensor) } };
    });
    const lost = parts.filter(({ part }) => !this.#base.tensors.has(part.tensor));
    if (lost[0] !== undefined) {
      const { name, part } = lost[0];
      const more = lost.length > 1 ? ` (and ${lost.length - 1} more tensors of the adapter have no place)` : '';
      throw this.#mismatch(name, part.tensor, `the model has no such tensor${more}`);
    }
    if (parts.length === 0) {
      throw new M2MergeError('adapter-invalid', { file: this.#adapter.file.path, detail: 'it holds no tensors' });
    }
    return parts;
  }

  #nameInBase(name: string): string {
    if (this.#base.tensors.has(name)) return name;
    const renamed = RENAMES.flatMap(([from, to]) => (name.startsWith(from) ? [to + name.slice(from.length)] : []));
    // Of two that fit nobody knows which is meant.
    const [only, ...others] = new Set(renamed.filter((candidate) => this.#base.tensors.has(candidate)));
    return others.length === 0 ? (only ?? name) : name;
  }

  /** The factors of each adapted tensor. */
  #pairs(parts: readonly NamedPart[]): ReadonlyMap<string, Pair> {
    const halves = new Map<string, { [side in FactorSide]?: Factor }>();
    for (const { part, name, tensor, trained } of parts) {
      if (part.kind !== 'factor') continue;
      const pair = halves.get(part.tensor) ?? {};
      if (pair[part.side] !== undefined) throw this.#invalid(`"${shorten(name)}" is given twice, under another name`);
      pair[part.side] = { name, tensor, trained };
      halves.set(part.tensor, pair);
    }
    const { isDora } = this.#adapter.config;
    for (const { a, b, magnitudes } of halves.values()) {
      const present = shorten((a ?? b ?? magnitudes)!.name);
      if (a === undefined || b === undefined) throw this.#invalid(`"${present}" lacks another factor`);
      if (isDora && magnitudes === undefined) throw this.#invalid(`"${present}" lacks the magnitudes of DoRA`);
      if (!isDora && magnitudes !== undefined)
        throw this.#invalid(`"${present}" has magnitudes, but use_dora is not set`);
    }
    return halves as ReadonlyMap<string, Pair>;
  }

  #addTerm(name: string, location: TensorLocation, { a, b, magnitudes }: Pair): TensorLocation {
    const [rows, columns, ...more] = location.shape;
    if (rows === undefined || columns === undefined || more.length > 0 || !isMergeable(location.dtype)) {
      throw this.#mismatch(
        a.name,
        name,
        `it is ${location.dtype} [${location.shape.join(', ')}], not a floating point matrix`,
      );
    }
    const [rank = 0] = a.tensor.shape;
    this.#checkRank(a, rank, columns);
    const transposed = this.#isTransposed(name, { a, b }, rank, [rows, columns]);
    const [left, right] = [b, a].map(({ name: factor, tensor }) => this.#locate(factor, tensor));
    const term: LowRankTerm = {
      left: transposed ? right! : left!,
      right: transposed ? left! : right!,
      rows,
      rank,
      transposed,
      scale: this.#adapter.config.scaleOf(a.trained.replace(/\.weight$/, ''), rank),
      ...(magnitudes === undefined ? {} : { magnitudes: this.#locateMagnitudes(magnitudes, name, rows, transposed) }),
    };
    return { ...location, lowRank: term };
  }

  #checkRank({ name }: Factor, rank: number, columns: number): void {
    const { ranks } = this.#adapter.config;
    if (!ranks.has(rank)) {
      const said = [...ranks].join(' or ');
      throw this.#invalid(`"${shorten(name)}" has rank ${rank}, adapter_config.json says ${said}`);
    }
    if (rank > LARGEST_RANK)
      throw this.#invalid(`"${shorten(name)}" has rank ${rank}, at most ${LARGEST_RANK} is possible`);
    if (rank * columns > LARGEST_FACTOR_ELEMENTS) {
      const limit = `rank times columns is at most ${LARGEST_FACTOR_ELEMENTS}`;
      throw this.#invalid(`"${shorten(name)}" has rank ${rank} for ${columns} columns; ${limit}`);
    }
  }

  /**
   * PEFT's B is [outputs, rank] and its A is [rank, inputs]. Linear layers store [outputs, inputs], embeddings (and
   * Conv1D of GPT-2) [inputs, outputs], the transpose of B·A.
   */
  #isTransposed(name: string, { a, b }: Pair, rank: number, shape: readonly number[]): boolean {
    const isEmbedding = a.name.includes('.lora_embedding_A');
    const has = ({ tensor }: Factor, ...expected: readonly number[]): boolean =>
      tensor.shape.length === 2 && expected.every((length, axis) => tensor.shape[axis] === length);
    const [rows, columns] = shape as [number, number];
    const straight = has(b, rows, rank) && has(a, rank, columns);
    const flipped = has(b, columns, rank) && has(a, rank, rows);
    if (isEmbedding ? flipped : straight || flipped) {
      return isEmbedding || (straight && flipped ? this.#storesInputsFirst(name) : flipped);
    }
    const found = `its factors are [${b.tensor.shape.join(', ')}] and [${a.tensor.shape.join(', ')}]`;
    throw this.#mismatch(a.name, name, `the matrix is [${shape.join(', ')}] but ${found}`);
  }

  /**
   * Whether a square matrix is stored so. PEFT goes by the layer's class and not by the config's `fan_in_fan_out`, which
   * says what was asked for: here the name tells, and the shape of the wider one that every such MLP has.
   */
  #storesInputsFirst(name: string): boolean {
    if (!CONV1D.test(name)) return false;
    const wider = [...this.#base.tensors].find(([other]) => /\.c_fc\.weight$/.test(other))?.[1].shape;
    return wider?.length === 2 ? wider[0]! < wider[1]! : this.#adapter.config.fanInFanOut;
  }

  #locate(name: string, { dtype, begin }: HeaderTensor): FactorLocation {
    if (isMergeable(dtype)) return { file: this.#file, begin, dtype: dtype as MergeableDtype };
    throw this.#invalid(`"${shorten(name)}" is ${dtype}, expected a floating point dtype`);
  }

  /** DoRA's norms are of what leads to one output, which is a row unless inputs are stored as rows. */
  #locateMagnitudes({ name, tensor }: Factor, ofTensor: string, rows: number, transposed: boolean): FactorLocation {
    if (transposed) {
      const reason = `DoRA rescales the columns of a matrix that is stored as [inputs, outputs] (tensor "${shorten(name)}")`;
      throw new M2MergeError('adapter-unsupported', { file: this.#adapter.file.path, reason });
    }
    if (tensor.shape.length === 1 && tensor.elements === rows) return this.#locate(name, tensor);
    throw this.#mismatch(name, ofTensor, `it has ${rows} rows but [${tensor.shape.join(', ')}] magnitudes`);
  }

  /** A tensor that the adapter holds as a whole: modules_to_save, biases, embeddings. */
  #replace(name: string, adapterName: string, tensor: HeaderTensor): TensorLocation {
    const { shape } = this.#base.tensors.get(name)!;
    if (shape.length !== tensor.shape.length || shape.some((length, axis) => length !== tensor.shape[axis])) {
      const sizes = `it is [${tensor.shape.join(', ')}] in the adapter but [${shape.join(', ')}] in the model`;
      throw this.#mismatch(adapterName, name, sizes);
    }
    return { ...tensor, file: this.#file };
  }

  /** An adapted embedding of a model that ties its head to it changes the head as well, or is not what is loaded for it. */
  #tiedWarnings(parts: readonly NamedPart[]): Warning[] {
    const hasHead = this.#base.tensors.has(HEAD);
    const [stated] = statedTie(this.#base.config);
    // Where a config leaves it out, its default is most often that they are tied, and then there is no head.
    if (!(stated ?? !hasHead)) return [];
    const { adapter } = this.#names;
    const changed = parts.map(({ part }) => part.tensor);
    const embedding = changed.find((name) => isTokenEmbedding(name));
    const tensor = embedding ?? changed.find((name) => name === HEAD);
    if (tensor === undefined) return [];
    return [warning(hasHead ? 'adapter-head' : 'adapter-tied', { adapter, tensor })];
  }

  #mismatch(adapterTensor: string, tensor: string, detail: string): M2MergeError<'adapter-mismatch'> {
    const shown = { adapterTensor: shorten(adapterTensor), tensor: shorten(tensor) };
    return new M2MergeError('adapter-mismatch', { ...this.#names, ...shown, detail });
  }

  #invalid(detail: string): M2MergeError<'adapter-invalid'> {
    return new M2MergeError('adapter-invalid', { file: this.#adapter.file.path, detail });
  }
}
