// Checks a benchmark's merge on whole tensors of moderate size against a naive float64 loop.
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Tensors looked at: one of each kind, small enough for a naive sort. */
const CHECKED = ['model.layers.3.self_attn.k_proj.weight', 'model.layers.20.post_attention_layernorm.weight'];

function readTensor(folder, name) {
  const file = openSync(join(folder, 'model.safetensors'), 'r');
  const prefix = Buffer.alloc(8);
  readSync(file, prefix, 0, 8, 0);
  const length = Number(prefix.readBigUInt64LE());
  const text = Buffer.alloc(length);
  readSync(file, text, 0, length, 8);
  const [begin, end] = JSON.parse(text.toString())[name].data_offsets;
  const bytes = new Uint8Array(end - begin);
  readSync(file, bytes, 0, bytes.length, 8 + length + begin);
  closeSync(file);
  const bits = new Uint16Array(bytes.buffer);
  return new Float32Array(Uint32Array.from(bits, (pattern) => pattern << 16).buffer);
}

function mergeNaively(base, experts, { method, density }) {
  const changes = experts.map((expert) => Float64Array.from(expert, (value, i) => value - base[i]));
  if (method === 'linear')
    return Float64Array.from(base, (value, i) => experts.reduce((sum, expert) => sum + expert[i] / 8, value / 2));
  if (method === 'task_arithmetic')
    return Float64Array.from(base, (value, i) => changes.reduce((sum, change) => sum + change[i] / 4, value));
  const trimmed = changes.map((change) => {
    const order = Array.from(change.keys()).sort((a, b) => Math.abs(change[b]) - Math.abs(change[a]) || a - b);
    const kept = new Set(order.slice(0, Math.floor(density * change.length)));
    return change.map((value, i) => (kept.has(i) ? value : 0));
  });
  return Float64Array.from(base, (value, i) => {
    const sign = Math.sign(trimmed.reduce((sum, change) => sum + change[i], 0)) || 1;
    const agreeing = trimmed.map((change) => change[i]).filter((change) => Math.sign(change) === sign);
    return value + (agreeing.length === 0 ? 0 : agreeing.reduce((sum, change) => sum + change, 0) / agreeing.length);
  });
}

/** Share of elements that a random mask changes must be plausible: dropped ones stay at the base. */
function checkRandom(name, base, merged, experts, density) {
  const changed = merged.reduce((count, value, i) => count + (value !== base[i]), 0) / merged.length;
  const unmasked = experts.map(
    (expert) => expert.reduce((count, value, i) => count + (value !== base[i]), 0) / expert.length,
  );
  const most = density * unmasked.reduce((sum, share) => sum + share, 0);
  if (changed === 0 || changed > 1.05 * most + 0.01)
    throw new Error(`${name}: ${changed} of the elements changed, at most ${most} expected`);
}

/** Throws when a merge is wrong. */
export function checkMerge(group, output, row) {
  for (const name of CHECKED) {
    const base = readTensor(group.base, name);
    const experts = group.experts.map((folder) => readTensor(folder, name));
    const merged = readTensor(output, name);
    if (row.method.startsWith('dare')) {
      checkRandom(name, base, merged, experts, row.density);
      continue;
    }
    // Trimming over the whole model cannot be repeated from one tensor.
    if (row.parameters?.trim_scope === 'model') continue;
    const expected = mergeNaively(base, experts, row);
    const wrong = merged.findIndex((value, i) => Math.abs(value - expected[i]) > 2 ** -8 * Math.abs(expected[i]));
    if (wrong >= 0) throw new Error(`${row.name}: ${name}[${wrong}] is ${merged[wrong]}, expected ${expected[wrong]}`);
  }
}
