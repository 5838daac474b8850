/**
 * The inner loop of every merge: read a tile of each input, widen it to f32, let the method combine (or a statistic
 * observe) it step by step while it is in the cache, narrow the result and write the tile. Runs in a worker.
 */
import type { XXHash } from 'xxhash-wasm';
import type { Kernels, Slot } from '../../kernels/abi.js';
import type { Method } from '../../kernels/method.js';
import type { Tile, UnitContext } from '../../kernels/unit.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { narrow, widen } from './convert.js';
import type { PositionedFiles } from './files.js';
import type {
  CombineTask,
  CopyTask,
  ObserveResult,
  ObserveTask,
  StoredVector,
  UnitInputs,
  WriteResult,
} from './task.js';
import { UnitMemory } from './unit-memory.js';

/**
 * Elements processed at once: a step's f32 vectors (32 KiB each) of base, five operands and result stay in a 512 KiB L2
 * cache together with the raw tile.
 */
const STEP_ELEMENTS = 8192;

export interface UnitRunnerOptions {
  readonly kernels: Kernels;
  readonly method: Method;
  readonly files: PositionedFiles;
  /** Elements of a tile: what one read call of an input asks for. A multiple of 64. */
  readonly tileElements: number;
  readonly createHash: () => XXHash<bigint>;
}

/** One input of a unit while it runs. */
interface InputVector {
  readonly stored: StoredVector;
  readonly raw: Slot;
  readonly values: Slot;
  nonFinite: number;
}

export class UnitRunner {
  readonly #options: UnitRunnerOptions;
  readonly #memory: UnitMemory;

  constructor(options: UnitRunnerOptions) {
    this.#options = options;
    this.#memory = new UnitMemory(options.kernels);
  }

  /** Gathers one statistic over a unit. */
  observe({ inputs, statistic: name, request }: ObserveTask): ObserveResult & { transfer: readonly ArrayBuffer[] } {
    const statistic = this.#options.method
      .statistics(inputs.merge.settings)
      .find((candidate) => candidate.name === name);
    if (statistic === undefined) throw new RangeError(`method has no statistic ${name}`);
    const vectors = this.#takeInputs(inputs);
    const observer = statistic.observer(this.#context(inputs), request);
    this.#forEachTile(inputs, vectors, (tile) => observer.observe(tile));
    const { value, transfer } = observer.finish();
    return { kind: 'observe', partial: value, transfer };
  }

  /** Merges a unit and writes it. */
  combine({ inputs, output }: CombineTask): WriteResult {
    const { kernels, method, files, tileElements } = this.#options;
    const vectors = this.#takeInputs(inputs);
    const width = bytesPerElement(output.dtype);
    const merged = this.#memory.take(4 * STEP_ELEMENTS);
    const raw = this.#memory.take(width * tileElements);
    const combine = method.combine(this.#context(inputs));
    const hash = this.#options.createHash();
    let nonFinite = 0;
    const finishStep = (tile: Tile, offset: number) => {
      combine(tile, merged);
      if (vectors.base !== undefined) kernels.add(merged, merged, vectors.base.values, tile.count);
      nonFinite += narrow(kernels, output, merged, raw + width * offset, tile);
    };
    this.#forEachTile(inputs, vectors, finishStep, (firstIndex, count) => {
      const bytes = this.#memory.bytes(raw, width * count);
      hash.update(bytes);
      files.write(output.shard, bytes, output.begin + width * firstIndex);
    });
    return {
      kind: 'write',
      checksum: formatChecksum(hash),
      nonFinite: {
        base: vectors.base?.nonFinite ?? 0,
        operands: vectors.operands.map((vector) => vector.nonFinite),
        output: nonFinite,
      },
    };
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

  #takeInputs({ base, operands }: UnitInputs): { base: InputVector | undefined; operands: readonly InputVector[] } {
    this.#memory.reset();
    const take = (stored: StoredVector): InputVector => ({
      stored,
      raw: this.#memory.take(bytesPerElement(stored.dtype) * this.#options.tileElements),
      values: this.#memory.take(4 * STEP_ELEMENTS),
      nonFinite: 0,
    });
    return { base: base && take(base), operands: operands.map(take) };
  }

  #context({ merge, statistics }: UnitInputs): UnitContext {
    return {
      kernels: this.#options.kernels,
      merge,
      statistics,
      tileCapacity: STEP_ELEMENTS,
      allocate: (bytes) => this.#memory.takeZeroed(bytes),
    };
  }

  /** Reads tile after tile and hands each on in steps; `offset` is the step's first element inside the tile. */
  #forEachTile(
    { firstIndex, count }: UnitInputs,
    { base, operands }: { base: InputVector | undefined; operands: readonly InputVector[] },
    onStep: (step: Tile, offset: number) => void,
    onTile: (firstIndex: number, count: number) => void = () => {},
  ): void {
    const { kernels, tileElements } = this.#options;
    const inputs = base === undefined ? operands : [base, ...operands];
    const slots = operands.map(({ values }) => values);
    for (let done = 0; done < count; done += tileElements) {
      const tileFirst = firstIndex + done;
      const tileCount = Math.min(tileElements, count - done);
      for (const input of inputs) this.#readTile(input, tileFirst, tileCount);
      for (let offset = 0; offset < tileCount; offset += STEP_ELEMENTS) {
        const stepCount = Math.min(STEP_ELEMENTS, tileCount - offset);
        for (const input of inputs)
          input.nonFinite += widen(kernels, input.stored.dtype, input.raw, offset, input.values, stepCount);
        if (base !== undefined) for (const slot of slots) kernels.subtract(slot, slot, base.values, stepCount);
        onStep({ firstIndex: tileFirst + offset, count: stepCount, operands: slots }, offset);
      }
      onTile(tileFirst, tileCount);
    }
  }

  #readTile({ stored, raw }: InputVector, firstIndex: number, count: number): void {
    const width = bytesPerElement(stored.dtype);
    this.#options.files.read(stored.file, this.#memory.bytes(raw, width * count), stored.begin + width * firstIndex);
  }
}

function formatChecksum(hash: XXHash<bigint>): string {
  return hash.digest().toString(16).padStart(16, '0');
}
