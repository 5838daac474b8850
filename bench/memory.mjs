// Shows that peak memory does not grow with the largest tensor: the same merges on the standard group (largest tensor
// 134 MB) and on a group of one tensor of 2 GB. Makes about 6.4 GB of checkpoints.
//   node bench/memory.mjs [--record FILE]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH_FOLDER, ensureGroup, qwenShapes } from './checkpoints.mjs';
import { MAIN, measure } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';

const { record } = readOptions();
const METHODS = ['linear', 'task_arithmetic', 'dare_linear', 'ties'];

const groups = {
  'standard group, largest tensor 134 MB': ensureGroup('qwen-0.5b', qwenShapes(), 4),
  'one tensor of 2.1 GB': ensureGroup('one-tensor', [['model.embed_tokens.weight', [1_048_576, 1024]]], 2),
};
const work = join(BENCH_FOLDER, 'memory');
mkdirSync(work, { recursive: true });
const rows = [];
for (const method of METHODS) {
  const row = { method };
  for (const [name, { base, experts }] of Object.entries(groups)) {
    const models = experts.slice(0, 2).map((model) => ({ model, parameters: { weight: 0.5, density: 0.2 } }));
    const recipe = {
      merge_method: method,
      ...(method === 'linear' ? {} : { base_model: base }),
      models,
      dtype: 'bfloat16',
    };
    const file = join(work, 'recipe.yaml');
    writeFileSync(file, JSON.stringify(recipe));
    const output = join(work, 'merged');
    rmSync(output, { recursive: true, force: true });
    const { peak } = await measure(process.execPath, [MAIN, file, output, '--quiet']);
    row[name] = `${Math.round(peak / 1e6)} MB`;
  }
  rows.push(row);
}
rmSync(work, { recursive: true, force: true });
console.table(rows);
writeRecord(record, 'memory', { rows });
