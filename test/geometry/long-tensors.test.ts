/** Tensors that workers measure in several pieces, against loops over the whole. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { layOutMeasured } from '../../src/plan/unit-layout.js';
import { library } from '../run/library.js';
import { randomTensor } from '../support/random-models.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Rows do not end where pieces do. */
const WIDTH = 2050;
const [UP, DOWN] = ['model.layers.0.mlp.up_proj.weight', 'model.layers.0.mlp.down_proj.weight'] as const;
const EXPERTS = ['a', 'b'];

/** f32 of stored bf16. */
function valuesOf({ bytes }: TensorToWrite): Float32Array {
  const stored = new Uint16Array(bytes!.buffer, bytes!.byteOffset, WIDTH * WIDTH);
  const words = new Uint32Array(stored.length);
  for (let i = 0; i < stored.length; i++) words[i] = stored[i]! << 16;
  return new Float32Array(words.buffer);
}

it('adds up the pieces of a tensor, channels across their ends too', async () => {
  expect(WIDTH * WIDTH).toBeGreaterThan(layOutMeasured().unitElements);
  const folder = temporaryFolder();
  const base = [UP, DOWN].map((name, i) => randomTensor(name, [WIDTH, WIDTH], 1 + i, 0.02));
  writeModel(join(folder, 'base'), base);
  const changes = EXPERTS.map((expert, e) => {
    const tensors = base.map((from, i) => randomTensor(from.name, [WIDTH, WIDTH], 11 + 2 * e + i, 5e-5, from));
    writeModel(join(folder, expert), tensors);
    return tensors.map((tensor, i) => {
      const origin = valuesOf(base[i]!);
      return valuesOf(tensor).map((value, at) => value - origin[at]!);
    });
  });

  const changed = EXPERTS.map(() => 0);
  const squares = EXPERTS.map(() => 0);
  const energies = EXPERTS.map(() => new Float64Array(WIDTH));
  changes.forEach((tensors, e) => {
    tensors.forEach((change, matrix) => {
      for (let i = 0; i < change.length; i++) {
        const square = change[i]! * change[i]!;
        if (square !== 0) changed[e]!++;
        squares[e]! += square;
        energies[e]![matrix === 0 ? Math.floor(i / WIDTH) : i % WIDTH]! += square;
      }
    });
  });
  let [dot, union, both, opposed] = [0, 0, 0, 0];
  for (const matrix of [0, 1]) {
    const [a, b] = changes.map((tensors) => tensors[matrix]!) as [Float32Array, Float32Array];
    for (let i = 0; i < a.length; i++) {
      const product = a[i]! * b[i]!;
      dot += product;
      if (a[i] !== 0 || b[i] !== 0) union++;
      if (product !== 0) both++;
      if (product < 0) opposed++;
    }
  }

  const models = EXPERTS.map((model) => ({ model, parameters: { weight: 1 } }));
  const recipe = { merge_method: 'task_arithmetic', base_model: 'base', models };
  const { global, layers } = await library.geometry(
    library.parseRecipe(JSON.stringify(recipe), { file: 'group', folder }),
    { threads: 2 },
  );
  const elements = 2 * WIDTH * WIDTH;
  EXPERTS.forEach((expert, e) => {
    const found = global.experts[expert]!;
    expect(found.changed_fraction).toBe(changed[e]! / elements);
    expect(found.norm / Math.sqrt(squares[e]!)).toBeCloseTo(1, 9);
  });
  const pair = global.pairs['a|b']!;
  expect(pair.jaccard).toBe(both / union);
  expect(pair.sign_conflict_on_overlap).toBe(opposed / both);
  expect(pair.dot / dot).toBeCloseTo(1, 9);
  const count = Math.round(WIDTH / 10);
  const hot = energies.map((own) => new Set([...own.keys()].sort((i, j) => own[j]! - own[i]!).slice(0, count)));
  const common = [...hot[0]!].filter((channel) => hot[1]!.has(channel)).length;
  const { hotspots } = layers['0']!;
  expect(hotspots!.channels).toBe(WIDTH);
  expect(hotspots!.jaccard['a|b']).toBe(common / (2 * count - common));
});
