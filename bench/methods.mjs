// Times every merge method once over against the limit of the machine for the inputs it reads: `cat` over them plus `cp` of
// one, in the same run, page cache warm. tsv, which decomposes matrices, has a small model of its own.
//   node bench/methods.mjs [--runs N] [--only method] [--record FILE]     after `npm run build`
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { METHODS } from '../dist/kernels/methods/registry.js';
import { BENCH_FOLDER, ensureGroup, qwenShapes } from './checkpoints.mjs';
import { MAIN, measure, median } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';

const { runs, only, record } = readOptions({ runs: 3, only: '' });
const RUNS = Number(runs);

/** What a method needs, or what makes it do more than the default does. */
const PARAMETERS = {
  slerp: { t: 0.3 },
  nearswap: { t: 0.00001 },
  sce: { select_topk: 0.5 },
};
const VARIANTS = [
  ...METHODS.map(({ name }) => ({ name, method: name })),
  { name: 'model_stock by rows', method: 'model_stock', parameters: { filter_wise: true } },
  { name: 'nuslerp by rows', method: 'nuslerp', parameters: { nuslerp_flatten: false } },
  { name: 'nuslerp by columns', method: 'nuslerp', parameters: { nuslerp_flatten: false, nuslerp_row_wise: true } },
  { name: 'sce of all', method: 'sce', parameters: { select_topk: 1 } },
  { name: 'norm preserving', method: 'task_arithmetic', parameters: { lambda: 'norm_preserving' } },
  { name: 'dare before sce', method: 'sce', parameters: { sparsify: { method: 'dare', density: 0.5 } } },
].filter(({ name }) => name.includes(only));

const WHOLE_TENSORS = new Set(METHODS.filter(({ wholeTensors }) => wholeTensors).map(({ name }) => name));
const large = ensureGroup('qwen-0.5b', qwenShapes(), 4);
const small = ensureGroup('qwen-tiny', qwenShapes(1, 512, 1024, 1024), 4);

/** The recipe and the folders it reads. */
function prepare({ method: name, parameters }) {
  const { space, operandCount } = METHODS.find((method) => method.name === name);
  const group = WHOLE_TENSORS.has(name) ? small : large;
  const experts = group.experts.slice(0, operandCount?.maximum ?? 4);
  const own = { weight: 0.25, density: 0.4 };
  const recipe = {
    merge_method: name,
    ...(space === 'taskVectors' ? { base_model: group.base } : {}),
    models: experts.map((model) => ({ model, parameters: own })),
    parameters: { ...PARAMETERS[name], ...parameters },
    dtype: 'bfloat16',
  };
  return { recipe, inputs: space === 'taskVectors' ? [group.base, ...experts] : experts };
}

async function limit(inputs, copy) {
  const files = inputs.map((folder) => join(folder, 'model.safetensors'));
  const { seconds: reading } = await measure('sh', ['-c', 'cat "$@" > /dev/null', 'sh', ...files]);
  const { seconds: copying } = await measure('cp', [files[0], copy]);
  rmSync(copy);
  return reading + copying;
}

const work = join(BENCH_FOLDER, `methods-${process.pid}`);
mkdirSync(work, { recursive: true });
const rows = [];
try {
  for (const variant of VARIANTS) {
    const { recipe, inputs } = prepare(variant);
    const file = join(work, 'recipe.yaml');
    writeFileSync(file, JSON.stringify(recipe));
    const runs = [];
    for (let run = 0; run < RUNS; run++) {
      const ceiling = await limit(inputs, join(work, 'copy'));
      const output = join(work, 'merged');
      rmSync(output, { recursive: true, force: true });
      const { seconds, cpuSeconds, peak } = await measure(process.execPath, [MAIN, file, output, '--quiet']);
      runs.push({ seconds, cpuSeconds, peak, ceiling });
    }
    const middle = (pick) => Number(median(runs.map(pick)).toFixed(2));
    rows.push({
      method: variant.name,
      inputs: inputs.length,
      seconds: middle(({ seconds }) => seconds),
      cpuSeconds: middle(({ cpuSeconds }) => cpuSeconds),
      limit: middle(({ ceiling }) => ceiling),
      ratio: middle(({ seconds, ceiling }) => seconds / ceiling),
      peakMegabytes: Math.round(Math.max(...runs.map(({ peak }) => peak)) / 1e6),
    });
    console.log(JSON.stringify(rows.at(-1)));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.table(rows);
writeRecord(record, 'methods', { runs: RUNS, rows });
