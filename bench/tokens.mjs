// Merges by tokens: time and peak memory of two models whose embedding of 525 MB goes by numbers, and by tokens in one
// order, in blocks that are moved, in any order, and with rows that hold the mean; and of three unlike vocabularies joined.
//   node bench/tokens.mjs [--record FILE]
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH_FOLDER } from './checkpoints.mjs';
import { MAIN, measure } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';

const { record } = readOptions();
const work = join(BENCH_FOLDER, 'tokens');

/** The vocabulary of Llama 3, and that of Qwen 2.5. */
const LLAMA = 128_256;
const QWEN = 151_665;

let state = 1;
function random() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state;
}

/** bf16 values near 0.01, written again and again. */
const VALUES = Buffer.from(Uint16Array.from({ length: 1 << 22 }, () => 0x3c00 | (random() >>> 23)).buffer);

function writeModel(name, columns, tokens) {
  const folder = join(work, name);
  mkdirSync(folder, { recursive: true });
  const bytes = 2 * tokens.length * columns;
  const embedding = { dtype: 'BF16', shape: [tokens.length, columns], data_offsets: [0, bytes] };
  const header = Buffer.from(JSON.stringify({ 'model.embed_tokens.weight': embedding }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  writeSync(file, Buffer.concat([length, header]));
  for (let done = 0; done < bytes; ) done += writeSync(file, VALUES, 0, Math.min(VALUES.length, bytes - done));
  closeSync(file);
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ vocab_size: tokens.length }));
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  // As many merges as tokens, each of the first two characters and the rest.
  const merges = tokens.map((token) => [token.slice(0, 2), token.slice(2)]);
  const model = { type: 'BPE', vocab, merges };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ added_tokens: [], model }, null, 2));
}

const named = (count, begin) => Array.from({ length: count }, (_, i) => `Ġ${(begin + i).toString(36)}é`);
const inOrder = named(LLAMA, 0);
const shuffled = [...inOrder];
for (let i = LLAMA - 1; i > 0; i--) {
  const j = random() % (i + 1);
  [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
}
rmSync(work, { recursive: true, force: true });
writeModel('base', 2048, inOrder);
writeModel('blocks', 2048, [...inOrder.slice(5000), ...inOrder.slice(0, 5000)]);
writeModel('shuffled', 2048, shuffled);
// A third of the tokens is each model's own.
for (const [i, name] of ['one', 'two', 'three'].entries()) {
  writeModel(name, 8, [...named((2 * QWEN) / 3, 0).reverse(), ...named(QWEN / 3, 1e6 * (i + 1))]);
}

const CASES = [
  { name: 'by numbers', models: ['base', 'blocks'], tokenizer: undefined },
  { name: 'one order', models: ['base', 'base'], tokenizer: { source: 'base' } },
  { name: 'blocks moved', models: ['base', 'blocks'], tokenizer: { source: 'base' } },
  { name: 'any order', models: ['base', 'shuffled'], tokenizer: { source: 'base' } },
  { name: 'any order, padded', models: ['base', 'shuffled'], tokenizer: { source: 'base', pad_to_multiple_of: 1000 } },
  { name: 'union of three', models: ['one', 'two', 'three'], tokenizer: { source: 'union' } },
];
const rows = [];
for (const { name, models, tokenizer } of CASES) {
  const recipe = { merge_method: 'linear', models: models.map((model) => ({ model, parameters: { weight: 1 } })) };
  const file = join(work, 'recipe.yaml');
  writeFileSync(file, JSON.stringify({ ...recipe, base_model: models[0], ...(tokenizer && { tokenizer }) }));
  const output = join(work, 'merged');
  rmSync(output, { recursive: true, force: true });
  const { seconds, cpuSeconds, peak } = await measure(process.execPath, [MAIN, file, output, '--quiet']);
  const cost = {
    seconds: seconds.toFixed(2),
    'CPU seconds': cpuSeconds.toFixed(2),
    peak: `${Math.round(peak / 1e6)} MB`,
  };
  rows.push({ name, ...cost });
}
rmSync(work, { recursive: true, force: true });
console.table(rows);
writeRecord(record, 'tokens', { rows });
