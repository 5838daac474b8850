// Times the geometry alone against `cat` over its inputs, and a merge with report against the same without, in the same
// run, page cache warm. Five bf16 checkpoints of about 1 GB (bench/checkpoints.mjs).
//   node bench/geometry.mjs [--runs N] [--record FILE]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH_FOLDER, ensureGroup, qwenShapes } from './checkpoints.mjs';
import { MAIN, measure, median } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';

const options = readOptions({ runs: 3 });
const RUNS = Number(options.runs);

/** Wall time of the geometry as a multiple of `cat`, of a merge with report as a multiple of one without; megabytes. */
const BUDGETS = { geometry: 4, report: 1.5, memory: 250 };

const group = ensureGroup('qwen-0.5b', qwenShapes(), 4);
const work = join(BENCH_FOLDER, `geometry-${process.pid}`);
mkdirSync(work, { recursive: true });
const recipe = join(work, 'ties.yaml');
const models = group.experts.map((folder) => ({ model: folder, parameters: { weight: 1, density: 0.2 } }));
writeFileSync(recipe, JSON.stringify({ merge_method: 'ties', base_model: group.base, models, dtype: 'bfloat16' }));
const inputs = [group.base, ...group.experts].map((folder) => join(folder, 'model.safetensors'));
const output = join(work, 'merged');

const merge = (...options) => {
  rmSync(output, { recursive: true, force: true });
  return measure(process.execPath, [MAIN, recipe, output, '--quiet', ...options]);
};
const CASES = {
  cat: () => measure('sh', ['-c', 'cat "$@" > /dev/null', 'sh', ...inputs]),
  geometry: () =>
    measure(process.execPath, [MAIN, 'geometry', '--base', group.base, ...group.experts, '--quiet', '--out', work]),
  merge: () => merge(),
  'merge with report': () => merge('--report'),
};

const times = Object.fromEntries(Object.keys(CASES).map((name) => [name, { wall: [], cpu: [], peak: 0 }]));
// The first round warms the page cache.
for (let run = -1; run < RUNS; run++) {
  for (const [name, start] of Object.entries(CASES)) {
    const { seconds, cpuSeconds, peak } = await start();
    if (run < 0) continue;
    times[name].wall.push(seconds);
    times[name].cpu.push(cpuSeconds);
    times[name].peak = Math.max(times[name].peak, peak);
  }
}
rmSync(work, { recursive: true, force: true });

const ratio = (of, to) => median(times[of].wall.map((seconds, run) => seconds / times[to].wall[run]));
const record = {
  runs: RUNS,
  geometryToCat: ratio('geometry', 'cat'),
  reportToMerge: ratio('merge with report', 'merge'),
  budgets: BUDGETS,
  cases: Object.entries(times).map(([name, { wall, cpu, peak }]) => ({
    name,
    seconds: median(wall),
    cpuSeconds: median(cpu),
    peakMegabytes: Math.round(peak / 1e6),
  })),
};
const fixed = (value) => value.toFixed(2);
console.table(
  record.cases.map(({ name, seconds, cpuSeconds, peakMegabytes }) => ({
    case: name,
    seconds: fixed(seconds),
    'CPU seconds': fixed(cpuSeconds),
    'peak MB': peakMegabytes,
  })),
);
console.log(`geometry / cat: ${fixed(record.geometryToCat)} (budget ${BUDGETS.geometry})`);
console.log(`merge with report / merge: ${fixed(record.reportToMerge)} (budget ${BUDGETS.report})`);
writeRecord(options.record, 'geometry', record);
