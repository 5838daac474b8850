// Times whole merges against the limit of the machine: `cat` over all inputs plus `cp` of one, in the same run, page
// cache warm. Five bf16 checkpoints of about 1 GB; the answer of every merge is checked on sampled elements.
//   node bench/merge.mjs [--runs N] [--only method] [--record FILE]
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkMerge } from './check-merge.mjs';
import { BENCH_FOLDER, ensureGroup, qwenShapes } from './checkpoints.mjs';
import { MAIN, measure, median } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';

const { runs, only, record: file } = readOptions({ runs: 5, only: '' });
const RUNS = Number(runs);

/** What issue-sized budgets allow: wall time as a multiple of the limit, resident megabytes. */
const CASES = [
  { name: 'linear', method: 'linear', density: 1, budget: 1.3, memory: 200 },
  { name: 'task_arithmetic', method: 'task_arithmetic', density: 1, budget: 1.3, memory: 200 },
  { name: 'dare_linear', method: 'dare_linear', density: 0.2, budget: 2, memory: 200 },
  { name: 'dare_ties', method: 'dare_ties', density: 0.2, budget: 2, memory: 200 },
  { name: 'ties, tensor', method: 'ties', density: 0.2, parameters: { trim_scope: 'tensor' }, budget: 3, memory: 250 },
  { name: 'ties, model', method: 'ties', density: 0.2, parameters: { trim_scope: 'model' }, budget: 3, memory: 250 },
  { name: 'task_arithmetic, 1 thread', method: 'task_arithmetic', density: 1, args: ['--threads', '1'] },
].filter(({ name }) => name.includes(only));
if (CASES.length === 0) {
  console.error(`no case has "${only}" in its name`);
  process.exit(2);
}

function recipeText({ base, experts }, { method, density, parameters }) {
  const models = experts.map((folder) => ({ model: folder, parameters: { weight: 0.25, density } }));
  // The plain average reads as many inputs as the others: base and experts.
  if (method === 'linear')
    return JSON.stringify({
      merge_method: method,
      models: [{ model: base, parameters: { weight: 1 } }, ...models],
      dtype: 'bfloat16',
    });
  return JSON.stringify({ merge_method: method, base_model: base, models, parameters, dtype: 'bfloat16' });
}

/** Time of `cat` over all inputs to nowhere and of `cp` of one, seconds. */
async function limit(group, copy) {
  const inputs = [group.base, ...group.experts].map((folder) => join(folder, 'model.safetensors'));
  const { seconds: reading } = await measure('sh', ['-c', 'cat "$@" > /dev/null', 'sh', ...inputs]);
  return reading + (await copySeconds(inputs[0], copy));
}

/** Seconds that `cp` takes; the copy goes at once. */
async function copySeconds(file, copy) {
  const { seconds } = await measure('cp', [file, copy]);
  rmSync(copy);
  return seconds;
}

/** Seconds after which a virtual machine may have given freed memory back to its host (Linux reports free pages every two). */
const GIVEN_BACK_AFTER = 4;

/**
 * Seconds that `cp` of one input takes when as much memory has just been freed, and when that was a while ago. Where a host
 * takes free memory back the second is many times the first, and so is what the slower merges pay for their output.
 */
async function copyTimes(group, copy) {
  const input = join(group.base, 'model.safetensors');
  await copySeconds(input, copy);
  const atOnce = await copySeconds(input, copy);
  await new Promise((resolve) => setTimeout(resolve, 1000 * GIVEN_BACK_AFTER));
  return { atOnce, later: await copySeconds(input, copy) };
}

const group = ensureGroup('qwen-0.5b', qwenShapes(), 4);
const work = join(BENCH_FOLDER, 'work');
mkdirSync(work, { recursive: true });
const output = join(work, 'merged');
const rows = CASES.map((entry) => ({ ...entry, times: [], ratios: [], peak: 0 }));
const limits = [];
for (let run = -1; run < RUNS; run++) {
  for (const row of rows) {
    const recipe = join(work, 'recipe.yaml');
    writeFileSync(recipe, recipeText(group, row));
    rmSync(output, { recursive: true, force: true });
    spawnSync('sync');
    const ceiling = await limit(group, join(work, 'copy'));
    const { seconds, peak } = await measure(process.execPath, [MAIN, recipe, output, '--quiet', ...(row.args ?? [])]);
    // The first round warms the page cache and is where answers are checked.
    if (run < 0) checkMerge(group, output, row);
    else {
      limits.push(ceiling);
      row.times.push(seconds);
      row.ratios.push(seconds / ceiling);
      row.peak = Math.max(row.peak, peak);
    }
  }
}
const copies = await copyTimes(group, join(work, 'copy'));
rmSync(work, { recursive: true, force: true });

const record = {
  runs: RUNS,
  copySeconds: copies,
  limitSeconds: { min: Math.min(...limits), median: median(limits), max: Math.max(...limits) },
  cases: rows.map(({ name, times, ratios, peak, budget, memory }) => ({
    name,
    seconds: median(times),
    ratioToLimit: median(ratios),
    ratioRange: [Math.min(...ratios), Math.max(...ratios)],
    peakMegabytes: Math.round(peak / 1e6),
    ...(budget === undefined ? {} : { budgetRatio: budget, budgetMegabytes: memory }),
  })),
};
const fixed = (value) => value.toFixed(2);
console.log(
  `limit (cat five inputs + cp one): ${fixed(record.limitSeconds.median)} s (${fixed(record.limitSeconds.min)}–${fixed(record.limitSeconds.max)})`,
);
console.log(
  `cp alone: ${fixed(copies.atOnce)} s, into memory freed ${GIVEN_BACK_AFTER} s before: ${fixed(copies.later)} s`,
);
console.table(
  record.cases.map(({ name, seconds, ratioToLimit, ratioRange, peakMegabytes, budgetRatio }) => ({
    case: name,
    seconds: fixed(seconds),
    '× limit': fixed(ratioToLimit),
    range: ratioRange.map(fixed).join('–'),
    'budget ×': budgetRatio ?? '',
    'peak MB': peakMegabytes,
  })),
);
writeRecord(file, 'merge', record);
