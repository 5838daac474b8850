/**
 * The inner loop of every merge: read a tile of each input, widen it to f32, let the method combine (or a statistic
 * observe) it step by step while it is in the cache, narrow the result and write the tile. Runs in a worker.
 */
import type { XXHash } from 'xxhash-wasm';
import type { Kernels } from '../../kernels/abi.js';
import type { Method } from '../../kernels/method.js';
import type { Tile, UnitContext } from '../../kernels/unit.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { layOutUnits } from '../plan/unit-layout.js';
import { narrow, widen, widenDifference } from './convert.js';
import type { PositionedFiles } from './files.js';
import { RetainedUnits } from './retained-units.js';
import type {
  CombineTask,
  CopyTask,
  MeasureResult,
  MeasureTask,
  ObserveResult,
  ObserveTask,
  UnitInputs,
  WriteResult,
} from './task.js';
import { observeGeometry, reportUnit } from './unit-geometry.js';
import { SLOT_ALIGNMENT, UnitMemory } from './unit-memory.js';
import type { InputVector, UnitVectors } from './unit-vectors.js';

/** The part of a retained unit that holds its raw inputs. */
const INPUTS = 'inputs';

export interface UnitRunnerOptions {
  readonly kernels: Kernels;
  readonly method: Method;
  readonly files: PositionedFiles;
  /** Elements of a tile: what one read call of an input asks for. A multiple of 64. */
  readonly tileElements: number;
  readonly createHash: () => XXHash<bigint>;
  /** Bytes of observed units to keep for their next pass; 0 keeps none. */
  readonly retainedBytes: number;
}

export class UnitRunner {
  readonly #options: UnitRunnerOptions;
  readonly #memory: UnitMemory;
  readonly #retained: RetainedUnits;

  constructor(options: UnitRunnerOptions) {
    this.#options = options;
    this.#memory = new UnitMemory(options.kernels);
    this.#retained = new RetainedUnits(this.#memory.reserve(options.retainedBytes), options.retainedBytes);
  }

  /** Gathers one statistic over a unit. */
  observe({ inputs, statistic: name, request, retain }: ObserveTask): ObserveResult {
    const statistic = this.#options.method
      .statistics(inputs.merge.settings)
      .find((candidate) => candidate.name === name);
    if (statistic === undefined) throw new RangeError(`method has no statistic ${name}`);
    const vectors = this.#takeInputs(inputs, retain === 'inputs');
    const observer = statistic.observer(this.#context(inputs, retain !== 'nothing'), request);
    this.#forEachTile(inputs, vectors, (tile) => observer.observe(tile));
    return { kind: 'observe', partial: observer.finish() };
  }

  /** Merges a unit and writes it. */
  combine({ inputs, output, report }: CombineTask): WriteResult {
    const { kernels, method, files } = this.#options;
    const vectors = this.#takeInputs(inputs, false);
    const width = bytesPerElement(output.dtype);
    const cut = this.#cut(inputs);
    const merged = this.#memory.take(4 * cut.stepElements);
    const raw = this.#memory.take(width * cut.tileElements);
    const context = this.#context(inputs, false);
    const combine = method.combine(context);
    const reporter = report ? reportUnit(context, vectors, output) : undefined;
    const hash = this.#options.createHash();
    let nonFinite = 0;
    const finishStep = (tile: Tile, offset: number, rawElement: number) => {
      combine(tile, merged);
      reporter?.observe(tile, rawElement, merged);
      if (vectors.base !== undefined) kernels.add(merged, merged, vectors.base.values, tile.count);
      nonFinite += narrow(kernels, output, merged, raw + width * offset, tile);
      reporter?.written(tile, raw + width * offset);
    };
    this.#forEachTile(inputs, vectors, finishStep, (firstIndex, count) => {
      const bytes = this.#memory.bytes(raw, width * count);
      hash.update(bytes);
      files.write(output.shard, bytes, output.begin + width * firstIndex);
    });
    this.#retained.release(unitName(inputs));
    return {
      kind: 'write',
      checksum: formatChecksum(hash),
      nonFinite: {
        base: vectors.base?.nonFinite ?? 0,
        operands: vectors.operands.map((vector) => vector.nonFinite),
        output: nonFinite,
      },
      ...(reporter === undefined ? {} : { report: reporter.finish() }),
    };
  }

  /** Measures the geometry of a unit's task vectors, which must have a base. */
  measure({ inputs }: MeasureTask): MeasureResult {
    const vectors = this.#takeInputs(inputs, false);
    const observer = observeGeometry(this.#context(inputs, false), vectors);
    this.#forEachTile(inputs, vectors, (tile, _offset, rawElement) => observer.observe(tile, rawElement));
    return { kind: 'measure', sums: observer.finish() };
  }

  /** Copies bytes from an input to an output. */
  copy({ file, shard, source, target, byteLength }: CopyTask): WriteResult {
    const { files, tileElements, createHash } = this.#options;
    this.#memory.reset();
    const raw = this.#memory.take(tileElements);
    const hash = createHash();
    for (let done = 0; done < byteLength; done += tileElements) {
      const bytes = this.#memory.bytes(raw, Math.min(tileElements, byteLength - done));
      files.read(file, bytes, source + done);
      hash.update(bytes);
      files.write(shard, bytes, target + done);
    }
    return { kind: 'write', checksum: formatChecksum(hash), nonFinite: { base: 0, operands: [], output: 0 } };
  }

  /** Takes memory for a unit's inputs: where an earlier pass left them, in the ring if they are to stay, or a tile. */
  #takeInputs(inputs: UnitInputs, retain: boolean): UnitVectors {
    this.#memory.reset();
    const { base, operands, count } = inputs;
    const { stepElements, tileElements } = this.#cut(inputs);
    const stored = base === undefined ? operands : [base, ...operands];
    const sizes = stored.map(({ dtype }) => alignUp(bytesPerElement(dtype) * count));
    const unit = unitName(inputs);
    const bytes = sizes.reduce((total, size) => total + size, 0);
    const found = this.#retained.find(unit, INPUTS);
    const frame = found ?? (retain ? this.#retained.place(unit, INPUTS, bytes) : undefined);
    let next = frame ?? 0;
    const vectors = stored.map((vector, i): InputVector => {
      const raw = frame === undefined ? this.#memory.take(bytesPerElement(vector.dtype) * tileElements) : next;
      next += sizes[i]!;
      return { stored: vector, raw, values: this.#memory.take(4 * stepElements), nonFinite: 0 };
    });
    const [first, ...rest] = vectors;
    const hasBase = base !== undefined;
    return {
      base: hasBase ? first : undefined,
      operands: hasBase ? rest : vectors,
      wholeUnit: frame !== undefined,
      present: found !== undefined,
    };
  }

  /** With `retain`, what the pass derives is kept for the next one. */
  #context(inputs: UnitInputs, retain: boolean): UnitContext {
    const { merge, statistics, firstIndex, count } = inputs;
    const unit = unitName(inputs);
    return {
      kernels: this.#options.kernels,
      merge,
      statistics,
      firstIndex,
      count,
      tileCapacity: this.#cut(inputs).stepElements,
      allocate: (bytes) => this.#memory.takeZeroed(bytes),
      keep: (name, bytes) => {
        const part = `derived ${name}`;
        const found = this.#retained.find(unit, part);
        if (found !== undefined) return { slot: found, filled: true };
        const placed = retain ? this.#retained.place(unit, part, bytes) : undefined;
        return { slot: placed ?? this.#memory.take(bytes), filled: false };
      },
    };
  }

  /**
   * Reads tile after tile and hands each on in steps; `offset` is the step's first element inside the tile, `rawElement`
   * inside the raw vectors.
   */
  #forEachTile(
    inputs: UnitInputs,
    vectors: UnitVectors,
    onStep: (step: Tile, offset: number, rawElement: number) => void,
    onTile: (firstIndex: number, count: number) => void = () => {},
  ): void {
    const { firstIndex, count } = inputs;
    const { stepElements, tileElements } = this.#cut(inputs);
    const { base, operands, wholeUnit, present } = vectors;
    const sources = base === undefined ? operands : [base, ...operands];
    const slots = { operands: operands.map(({ values }) => values), base: base?.values };
    for (let done = 0; done < count; done += tileElements) {
      const tileFirst = firstIndex + done;
      const tileCount = Math.min(tileElements, count - done);
      const rawOffset = wholeUnit ? done : 0;
      if (!present) for (const source of sources) this.#readTile(source, rawOffset, tileFirst, tileCount);
      for (let offset = 0; offset < tileCount; offset += stepElements) {
        const stepCount = Math.min(stepElements, tileCount - offset);
        this.#widenStep(vectors, rawOffset + offset, stepCount);
        onStep({ firstIndex: tileFirst + offset, count: stepCount, ...slots }, offset, rawOffset + offset);
      }
      onTile(tileFirst, tileCount);
    }
  }

  /** How the unit is cut: `tileElements` are read at once, `stepElements` handed on, both whole runs. */
  #cut({ merge }: UnitInputs): { readonly stepElements: number; readonly tileElements: number } {
    const { method, tileElements } = this.#options;
    const { stepElements, runElements } = layOutUnits(method, merge.shape, merge.settings);
    return { stepElements, tileElements: Math.max(1, Math.floor(tileElements / runElements)) * runElements };
  }

  /** Widens `count` elements from raw element `offset` of every input: the base, and values or task vectors. */
  #widenStep({ base, operands }: UnitVectors, offset: number, count: number): void {
    const { kernels } = this.#options;
    if (base !== undefined) base.nonFinite += widen(kernels, base.stored.dtype, base.raw, offset, base.values, count);
    for (const operand of operands) {
      const { stored, raw, values } = operand;
      operand.nonFinite +=
        base === undefined
          ? widen(kernels, stored.dtype, raw, offset, values, count)
          : widenDifference(kernels, stored.dtype, raw, offset, base.values, values, count);
    }
  }

  #readTile({ stored, raw }: InputVector, rawOffset: number, firstIndex: number, count: number): void {
    const width = bytesPerElement(stored.dtype);
    const bytes = this.#memory.bytes(raw + width * rawOffset, width * count);
    this.#options.files.read(stored.file, bytes, stored.begin + width * firstIndex);
  }
}

const alignUp = (bytes: number): number => Math.ceil(bytes / SLOT_ALIGNMENT) * SLOT_ALIGNMENT;

const unitName = ({ tensor, firstIndex }: UnitInputs): string => `${firstIndex} ${tensor}`;

function formatChecksum(hash: XXHash<bigint>): string {
  return hash.digest().toString(16).padStart(16, '0');
}
