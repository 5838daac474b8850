// Makes the checkpoints that the benchmarks merge: a bf16 base and experts whose updates look like those of RL
// (normal, 1 to 3e-5, so that about 30 % of the bf16 values change). Deterministic; made once and kept.
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Folder of the checkpoints: about 5.1 GB for the standard group. */
export const BENCH_FOLDER = process.env.M2MERGE_BENCH_DIR ?? join(tmpdir(), 'm2merge-bench');

/** Random values are drawn from tables of this many normals at ever changing offsets: fast, and no two runs align. */
const TABLE = 1 << 22;
const CHUNK = 1 << 20;

/** Standard deviation of the base: with updates of 1 to 3e-5, about 30 % of the bf16 values change. */
const BASE_DEVIATION = 0.012;

/** Shapes of Qwen3-0.6B with a vocabulary of 65,536: 507.6 million parameters. */
export function qwenShapes(layers = 28, hidden = 1024, intermediate = 3072, vocabulary = 65_536) {
  const shapes = [['model.embed_tokens.weight', [vocabulary, hidden]]];
  for (let i = 0; i < layers; i++) {
    const layer = `model.layers.${i}`;
    shapes.push(
      [`${layer}.input_layernorm.weight`, [hidden]],
      [`${layer}.mlp.down_proj.weight`, [hidden, intermediate]],
      [`${layer}.mlp.gate_proj.weight`, [intermediate, hidden]],
      [`${layer}.mlp.up_proj.weight`, [intermediate, hidden]],
      [`${layer}.post_attention_layernorm.weight`, [hidden]],
      [`${layer}.self_attn.k_norm.weight`, [128]],
      [`${layer}.self_attn.k_proj.weight`, [1024, hidden]],
      [`${layer}.self_attn.o_proj.weight`, [hidden, 2048]],
      [`${layer}.self_attn.q_norm.weight`, [128]],
      [`${layer}.self_attn.q_proj.weight`, [2048, hidden]],
      [`${layer}.self_attn.v_proj.weight`, [1024, hidden]],
    );
  }
  return [...shapes, ['model.norm.weight', [hidden]]].sort(([a], [b]) => (a < b ? -1 : 1));
}

function createRandom(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

function normalTable(seed) {
  const random = createRandom(seed);
  return Float32Array.from(
    { length: TABLE },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}

/** Rounds f32 values to bf16 bits, nearest even. */
function toBf16(values, bits, count) {
  const words = new Uint32Array(values.buffer, values.byteOffset, count);
  for (let i = 0; i < count; i++) bits[i] = (words[i] + 0x7fff + ((words[i] >>> 16) & 1)) >>> 16;
}

function writeHeader(file, shapes) {
  const header = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const [name, shape] of shapes) {
    const bytes = 2 * shape.reduce((product, length) => product * length, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (text.length % 8)) % 8);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  writeSync(file, Buffer.concat([prefix, Buffer.from(text)]));
}

/** Writes one model: the base when `scale` is 0, else base plus updates of standard deviation `scale`. */
function writeModel(folder, shapes, tables, model, scale) {
  mkdirSync(folder, { recursive: true });
  const config = {
    architectures: ['Qwen3ForCausalLM'],
    model_type: 'qwen3',
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  writeHeader(file, shapes);
  const values = new Float32Array(CHUNK);
  const words = new Uint32Array(values.buffer);
  const bits = new Uint16Array(CHUNK);
  const bytes = new Uint8Array(bits.buffer);
  let chunk = 0;
  for (const [, shape] of shapes) {
    const elements = shape.reduce((product, length) => product * length, 1);
    for (let done = 0; done < elements; done += CHUNK, chunk++) {
      const count = Math.min(CHUNK, elements - done);
      const baseShift = (chunk * 7_919_021) % TABLE;
      for (let i = 0; i < count; i++) values[i] = BASE_DEVIATION * tables.base[(baseShift + i) & (TABLE - 1)];
      toBf16(values, bits, count);
      if (scale > 0) {
        const shift = (chunk * 5_915_587 + model * 1_299_709) % TABLE;
        for (let i = 0; i < count; i++) words[i] = bits[i] << 16;
        for (let i = 0; i < count; i++) values[i] += scale * tables.update[(shift + 3 * i) & (TABLE - 1)];
        toBf16(values, bits, count);
      }
      writeSync(file, bytes, 0, 2 * count);
    }
  }
  closeSync(file);
}

/** Makes `experts` experts and a base of these shapes below BENCH_FOLDER/name, once. Returns their folders. */
export function ensureGroup(name, shapes, experts) {
  const root = join(BENCH_FOLDER, name);
  const names = ['base', ...Array.from({ length: experts }, (_, i) => `expert${i + 1}`)];
  const done = join(root, 'complete');
  if (!existsSync(done)) {
    console.error(`making checkpoints in ${root} …`);
    rmSync(root, { recursive: true, force: true });
    const tables = { base: normalTable(1), update: normalTable(2) };
    for (const [i, model] of names.entries()) {
      writeModel(join(root, model), shapes, tables, i, i === 0 ? 0 : 1e-5 * (1 + (i % 3)));
    }
    writeFileSync(done, '');
  }
  return { root, base: join(root, names[0]), experts: names.slice(1).map((model) => join(root, model)) };
}
