// Times a sweep of eight variants of `ties` (four scales, two densities) against the eight single merges it replaces,
// on the standard group: five bf16 checkpoints of about 1 GB.
//   geometry only: one sweep that writes no models, against eight that have one variant each;
//   all kept: one sweep that writes eight models, against one read (`cat` of all inputs) and eight writes (`cp`).
//   node bench/sweep.mjs [--runs N] [--layers N] [--only geometry|kept] [--record FILE]
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH_FOLDER, ensureGroup, qwenShapes } from './checkpoints.mjs';
import { MAIN, measure, median } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';

const options = readOptions({ runs: 3, only: '', layers: 28 });
const RUNS = Number(options.runs);
const LAYERS = Number(options.layers);

const SCALES = [0.3, 0.6, 1, 1.5];
const DENSITIES = [0.1, 0.2];

const group = ensureGroup(LAYERS === 28 ? 'qwen-0.5b' : `qwen-${LAYERS}-layers`, qwenShapes(LAYERS), 4);
const inputs = [group.base, ...group.experts].map((folder) => join(folder, 'model.safetensors'));
const work = join(BENCH_FOLDER, 'sweep');
mkdirSync(work, { recursive: true });

const recipe = join(work, 'recipe.yaml');
const models = group.experts.map((folder) => ({ model: folder, parameters: { weight: 1 } }));
writeFileSync(recipe, JSON.stringify({ merge_method: 'ties', base_model: group.base, models, dtype: 'bfloat16' }));

/** One sweep over these values; its folder is removed first. */
function sweep(scales, densities, keep) {
  const folder = join(work, 'out');
  rmSync(folder, { recursive: true, force: true });
  const settings = ['--set', `lambda=${scales.join()}`, '--set', `density=${densities.join()}`];
  return measure(process.execPath, [MAIN, 'sweep', recipe, folder, ...settings, '--keep', keep, '--quiet']);
}

async function geometryOnly() {
  const singles = [];
  for (const scale of SCALES) for (const density of DENSITIES) singles.push(await sweep([scale], [density], 'none'));
  const limit = singles.reduce(
    (sum, { seconds, cpuSeconds }) => ({ seconds: sum.seconds + seconds, cpuSeconds: sum.cpuSeconds + cpuSeconds }),
    { seconds: 0, cpuSeconds: 0 },
  );
  return { run: await sweep(SCALES, DENSITIES, 'none'), limit };
}

async function allKept() {
  const { seconds: reading } = await measure('sh', ['-c', 'cat "$@" > /dev/null', 'sh', ...inputs]);
  let writing = 0;
  for (let copy = 0; copy < SCALES.length * DENSITIES.length; copy++) {
    writing += (await measure('cp', [inputs[0], join(work, `copy-${copy}`)])).seconds;
  }
  for (let copy = 0; copy < SCALES.length * DENSITIES.length; copy++) rmSync(join(work, `copy-${copy}`));
  spawnSync('sync');
  return { run: await sweep(SCALES, DENSITIES, 'all'), limit: { seconds: reading + writing, cpuSeconds: 0 } };
}

const CASES = [
  { name: 'geometry only, of eight single runs', short: 'geometry', measureOnce: geometryOnly, budget: 1 / 3 },
  { name: 'all kept, of one read and eight writes', short: 'kept', measureOnce: allKept, budget: 1.3 },
].filter(({ short }) => short.includes(options.only));

/** Resident megabytes that any of it may take. */
const BUDGET_MEGABYTES = 400;

const cases = [];
for (const { name, measureOnce, budget } of CASES) {
  const runs = [];
  // The first round warms the page cache.
  for (let run = -1; run < RUNS; run++) {
    const result = await measureOnce();
    if (run >= 0 || RUNS === 0) runs.push(result);
  }
  const ratios = runs.map(({ run, limit }) => run.seconds / limit.seconds);
  cases.push({
    name,
    seconds: median(runs.map(({ run }) => run.seconds)),
    cpuSeconds: median(runs.map(({ run }) => run.cpuSeconds)),
    limitSeconds: median(runs.map(({ limit }) => limit.seconds)),
    limitCpuSeconds: median(runs.map(({ limit }) => limit.cpuSeconds)),
    ratio: median(ratios),
    ratioRange: [Math.min(...ratios), Math.max(...ratios)],
    budgetRatio: budget,
    peakMegabytes: Math.round(Math.max(...runs.map(({ run }) => run.peak)) / 1e6),
    budgetMegabytes: BUDGET_MEGABYTES,
  });
}
rmSync(work, { recursive: true, force: true });

const fixed = (value) => value.toFixed(2);
console.table(
  cases.map(
    ({ name, seconds, cpuSeconds, limitSeconds, limitCpuSeconds, ratio, ratioRange, budgetRatio, peakMegabytes }) => ({
      case: name,
      seconds: fixed(seconds),
      'CPU s': fixed(cpuSeconds),
      'limit s': fixed(limitSeconds),
      'limit CPU s': fixed(limitCpuSeconds),
      ratio: fixed(ratio),
      range: ratioRange.map(fixed).join('–'),
      budget: fixed(budgetRatio),
      'peak MB': peakMegabytes,
    }),
  ),
);
writeRecord(options.record, 'sweep', { runs: RUNS, cases });
