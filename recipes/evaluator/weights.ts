/** The weights of a bf16 model, widened to f64. */
import { closeSync, openSync, readSync } from 'node:fs';
import { type Checkpoint, readCheckpoint } from '../../src/index.js';

/** A checkpoint in memory. */
export interface Weights {
  readonly config: Readonly<Record<string, unknown>>;
  /** Values of a tensor, row-major. Throws when there is none of that name. */
  tensor(name: string): Float64Array;
}

/** Reads a model folder; for small models, since all of it is held. */
export async function readWeights(folder: string): Promise<Weights> {
  const checkpoint = await readCheckpoint(folder);
  const tensors = readTensors(checkpoint);
  return {
    config: checkpoint.config ?? {},
    tensor(name) {
      const values = tensors.get(name);
      if (values === undefined) throw new Error(`${folder} has no tensor ${name}`);
      return values;
    },
  };
}

function readTensors({ files, tensors }: Checkpoint): Map<string, Float64Array> {
  const handles = files.map(({ path }) => openSync(path, 'r'));
  try {
    return new Map(
      [...tensors].map(([name, { file, dtype, begin, elements }]) => {
        if (dtype !== 'BF16') throw new Error(`${name} is ${dtype}, not BF16`);
        const stored = new Uint16Array(elements);
        readSync(handles[file]!, stored, 0, stored.byteLength, begin);
        // bf16 is the upper half of an f32.
        const bits = Uint32Array.from(stored, (upper) => upper << 16);
        return [name, Float64Array.from(new Float32Array(bits.buffer))] as const;
      }),
    );
  } finally {
    for (const handle of handles) closeSync(handle);
  }
}
