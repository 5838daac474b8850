/**
 * The inner loop of every merge: read a tile of each input, widen it to f32, and let every action asked for (a variant
 * that combines, a statistic that observes) work on it step by step while it is in the cache. Runs in a worker.
 */
import type { XXHash } from 'xxhash-wasm';
import type { Kernels, Slot } from '../../kernels/abi.js';
import type { Method } from '../../kernels/method.js';
import type { UnitContext } from '../../kernels/unit.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { SpectrumFinder } from '../geometry/spectrum.js';
import { type AdaptedInputs, adaptInputs } from './adapted-inputs.js';
import { widen, widenDifference } from './convert.js';
import type { PositionedFiles } from './files.js';
import { type GatheredInputs, gatherInputs } from './gathered-inputs.js';
import { combinePass, formatChecksum } from './passes/combine.js';
import { measurePass } from './passes/measure.js';
import { observePass } from './passes/observe.js';
import type { Pass, PassContext } from './passes/pass.js';
import { spectralPass } from './passes/spectral.js';
import { sumRowsPass } from './passes/sum-rows.js';
import { RetainedUnits } from './retained-units.js';
import { SharedMemories } from './shared-memory.js';
import { type NumberStore, spectralTools } from './spectral-tools.js';
import { heldDtype, isAdapted, isGathered, placeOf, type StoredVector } from './stored-vector.js';
import type {
  Action,
  CopyTask,
  SpectralTask,
  SumRowsTask,
  Task,
  TaskResult,
  UnitInputs,
  UnitPart,
  VisitTask,
} from './task.js';
import { UnitMemory } from './unit-memory.js';
import { type InputVector, measuredVectorsOf, type UnitVectors, usedInputs, vectorsOf } from './unit-vectors.js';

export interface UnitRunnerOptions {
  readonly kernels: Kernels;
  /** By variant. */
  readonly methods: readonly Method[];
  readonly files: PositionedFiles;
  /** Elements of a tile: what one read call of an input asks for. A multiple of 64. */
  readonly tileElements: number;
  readonly createHash: () => XXHash<bigint>;
  /** Bytes of what passes derive, to keep for the next pass of a unit; 0 keeps nothing. */
  readonly retainedBytes: number;
}

export class UnitRunner {
  readonly #options: UnitRunnerOptions;
  readonly #memory: UnitMemory;
  readonly #retained: RetainedUnits;
  /** Memory that the passes of the current visit have in common. */
  readonly #scratch = new Map<string, Slot>();
  readonly #shared = new SharedMemories();
  /** What spectra of one matrix after the other are found in. */
  readonly #numbers: NumberStore = new Map();
  /** Reads those inputs of the unit that an adapter changes; undefined when there are none. */
  #adapted: AdaptedInputs | undefined;
  /** Reads those whose rows come from several places; undefined when there are none. */
  #gathered: GatheredInputs | undefined;

  constructor(options: UnitRunnerOptions) {
    this.#options = options;
    this.#memory = new UnitMemory(options.kernels);
    this.#retained = new RetainedUnits(this.#memory.reserve(options.retainedBytes), options.retainedBytes);
  }

  run(task: Task): TaskResult {
    if (task.kind === 'visit') return this.visit(task);
    if (task.kind === 'sum-rows') return this.sumRows(task);
    return task.kind === 'copy' ? this.copy(task) : this.analyse(task);
  }

  /** Adds up the rows of the only operand. */
  sumRows({ inputs, part }: SumRowsTask): TaskResult {
    const vectors = this.#takeInputs(inputs);
    const pass = sumRowsPass(this.#options.kernels, part.merge.shape);
    this.#carryOut(inputs, vectors, [pass], [part]);
    return [pass.finish()];
  }

  /** Reads a matrix as often as its spectra take. */
  analyse({ inputs, part, key }: SpectralTask): TaskResult {
    const [, columns] = part.merge.shape as [number, number];
    this.#forgetInputs();
    const tools = spectralTools(this.#options.kernels, (name, bytes) => this.#takeOnce(name, bytes), this.#numbers);
    const finder = new SpectrumFinder(part.operands.length, columns, key, tools);
    for (let step = finder.step; step !== undefined; step = finder.step) {
      const vectors = this.#takeInputs(inputs);
      const pass = spectralPass(this.#passContext(inputs, part, vectors, false), step, columns);
      this.#carryOut(inputs, vectors, [pass], [part]);
      finder.take(pass.results(tools.numbers));
    }
    return [{ kind: 'spectral', sums: finder.sums }];
  }

  /** Reads a unit and carries out the actions on it. */
  visit({ inputs, actions, retain }: VisitTask): TaskResult {
    const vectors = this.#takeInputs(inputs);
    const passes = actions.map((action) => this.#pass(action, inputs, vectors, retain));
    this.#carryOut(
      inputs,
      vectors,
      passes,
      actions.map(({ part }) => part),
    );
    if (!retain) this.#retained.release(unitName(inputs));
    return passes.map((pass) => pass.finish());
  }

  /** Reads tile after tile and hands each to the passes: as stored if that is possible, else in steps. */
  #carryOut(inputs: UnitInputs, vectors: UnitVectors, passes: readonly Pass[], parts: readonly UnitPart[]): void {
    const { firstIndex: unitFirst, count } = inputs;
    const tileElements = this.#tileElements(inputs);
    const takers = passes.map((pass, i) => {
      const { base, operands } = vectorsOf(vectors, parts[i]!);
      return { pass, operands: operands.map(({ values }) => values), base: base?.values };
    });
    const used = usedInputs(
      vectors,
      passes.map(({ unused }, i) => ({ ...measuredVectorsOf(vectors, parts[i]!), unused })),
    );
    for (let done = 0; done < count; done += tileElements) {
      const tileFirst = unitFirst + done;
      const tileCount = Math.min(tileElements, count - done);
      for (const input of used) this.#readTile(input, tileFirst, tileCount);
      // Several would each look at the stored values anew; they have the widened ones in common.
      const isTaken = passes.length === 1 && passes[0]!.takeStored?.(tileFirst, tileCount);
      if (!isTaken) {
        this.#forEachStep(inputs, vectors.origin, used, tileCount, (offset, stepCount) => {
          const firstIndex = tileFirst + offset;
          // Written out: spreading two objects into one takes longer here than a kernel.
          for (const { pass, operands, base } of takers)
            pass.step({ tile: { firstIndex, count: stepCount, operands, base }, offset });
        });
      }
      for (const pass of passes) pass.tileDone?.(tileFirst, tileCount);
    }
  }

  /** Copies bytes from an input to an output. */
  copy({ source, target, sourceBegin, targetBegin, byteLength }: CopyTask): TaskResult {
    const { files, tileElements, createHash } = this.#options;
    this.#memory.reset();
    const raw = this.#memory.take(tileElements);
    const hash = createHash();
    for (let done = 0; done < byteLength; done += tileElements) {
      const bytes = this.#memory.bytes(raw, Math.min(tileElements, byteLength - done));
      files.read(source, bytes, sourceBegin + done);
      hash.update(bytes);
      files.write(target, bytes, targetBegin + done);
    }
    const nonFinite = { base: 0, operands: [], output: 0 };
    return [{ kind: 'write', checksum: formatChecksum(hash), nonFinite }];
  }

  #pass(action: Action, inputs: UnitInputs, vectors: UnitVectors, retain: boolean): Pass {
    const { methods, files, createHash } = this.#options;
    const method = methods[action.part.variant]!;
    const context = this.#passContext(inputs, action.part, vectors, retain);
    if (action.kind === 'observe') return observePass(action, context, method);
    if (action.kind === 'measure') return measurePass(action, context);
    return combinePass(action, context, { method, files, hash: createHash() });
  }

  #passContext(inputs: UnitInputs, part: UnitPart, vectors: UnitVectors, retain: boolean): PassContext {
    const { methods, kernels } = this.#options;
    const method = methods[part.variant]!;
    return {
      kernels,
      unit: this.#context(inputs, part, method.name, retain),
      tensor: inputs.tensor,
      vectors: vectorsOf(vectors, part),
      measured: measuredVectorsOf(vectors, part),
      onlyMeasured: part.onlyMeasured,
      tileElements: this.#tileElements(inputs),
      take: (bytes) => this.#memory.take(bytes),
      scratch: (name, bytes) => this.#takeOnce(name, bytes),
      bytes: (slot, length) => this.#memory.bytes(slot, length),
    };
  }

  #takeOnce(name: string, bytes: number): Slot {
    const slot = this.#scratch.get(name) ?? this.#memory.take(bytes);
    this.#scratch.set(name, slot);
    return slot;
  }

  /** Gives all memory back but for what is retained. */
  #forgetInputs(): void {
    this.#memory.reset();
    this.#scratch.clear();
    this.#shared.clear();
  }

  /** Takes memory for a tile and a step of each of a unit's inputs. */
  #takeInputs(inputs: UnitInputs): UnitVectors {
    this.#forgetInputs();
    const { base, operands, layout } = inputs;
    const tileElements = this.#tileElements(inputs);
    const stored = base === undefined ? operands : [base, ...operands];
    const tools = { ...this.#options, memory: this.#memory };
    this.#adapted = adaptInputs(tools, stored);
    this.#gathered = gatherInputs({ ...tools, adapted: this.#adapted }, stored);
    const vectors = stored.map((vector): InputVector => {
      const dtype = heldDtype(vector);
      const raw = this.#memory.take(bytesPerElement(dtype) * tileElements);
      return { stored: vector, dtype, raw, values: this.#memory.take(4 * layout.stepElements), nonFinite: 0 };
    });
    const [first, ...rest] = vectors;
    const hasBase = base !== undefined;
    return {
      base: hasBase ? first : undefined,
      operands: hasBase ? rest : vectors,
      origin: hasBase || inputs.anchored ? first : undefined,
    };
  }

  /** With `retain`, what the pass derives is kept for the next one. */
  #context(inputs: UnitInputs, part: UnitPart, method: string, retain: boolean): UnitContext {
    const { firstIndex, count, layout } = inputs;
    const { merge, statistics, variant } = part;
    const unit = unitName(inputs);
    return {
      kernels: this.#options.kernels,
      merge,
      statistics,
      firstIndex,
      count,
      tileCapacity: layout.stepElements,
      allocate: (bytes) => this.#memory.takeZeroed(bytes),
      keep: (name, bytes) => {
        const frame = `${name} derived by ${variant}`;
        const found = this.#retained.find(unit, frame);
        if (found !== undefined) return { slot: found, filled: true };
        const placed = retain ? this.#retained.place(inputs.tensor, unit, frame, bytes) : undefined;
        return { slot: placed ?? this.#memory.take(bytes), filled: false };
      },
      share: (apartFrom, bytes) => this.#shared.share(method, part, apartFrom, () => this.#memory.take(bytes)),
    };
  }

  /** Widens what was read at once, step by step. */
  #forEachStep(
    { layout: { stepElements } }: UnitInputs,
    origin: InputVector | undefined,
    used: readonly InputVector[],
    tileCount: number,
    onStep: (offset: number, count: number) => void,
  ): void {
    for (let offset = 0; offset < tileCount; offset += stepElements) {
      const count = Math.min(stepElements, tileCount - offset);
      this.#widenStep(origin, used, offset, count);
      onStep(offset, count);
    }
  }

  /** Elements read at once: whole runs. */
  #tileElements({ layout: { runElements } }: UnitInputs): number {
    return Math.max(1, Math.floor(this.#options.tileElements / runElements)) * runElements;
  }

  /** Widens `count` elements from raw element `offset` of the inputs: to values, or differences to the origin. */
  #widenStep(origin: InputVector | undefined, used: readonly InputVector[], offset: number, count: number): void {
    const { kernels } = this.#options;
    for (const input of used) {
      const { dtype, raw, values } = input;
      input.nonFinite +=
        origin === undefined || input === origin
          ? widen(kernels, dtype, raw, offset, values, count)
          : widenDifference(kernels, dtype, raw, offset, origin.values, values, count);
    }
  }

  #readTile({ stored, dtype, raw }: InputVector, firstIndex: number, count: number): void {
    if (isGathered(stored)) {
      this.#gathered!.read(stored, raw, firstIndex, count);
      return;
    }
    if (isAdapted(stored)) {
      this.#adapted!.read(stored, raw, firstIndex, count);
      return;
    }
    const width = bytesPerElement(dtype);
    const bytes = this.#memory.bytes(raw, width * count);
    const { file, begin } = stored.spooled ?? stored;
    this.#options.files.read(file, bytes, begin + width * firstIndex);
  }
}

/** What is kept is found again by everything that reads the same elements of the same inputs. */
const unitName = ({ firstIndex, count, base, operands }: UnitInputs): string => {
  const place = (vector: StoredVector | undefined): string => (vector === undefined ? '' : placeOf(vector));
  return `${firstIndex}+${count} ${place(base)} ${operands.map(place).join(',')}`;
};
