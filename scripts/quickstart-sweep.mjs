// Sweeps the embedded RLVR experts over methods and scales, judges every model on its four domains, judges the models they
// were made of beside them, and checks the merges that recipes/tiny-rlvr/README.md lists against its numbers.
//   node scripts/quickstart-sweep.mjs [folder]
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GROUP = 'recipes/tiny-rlvr';
const FOLDER = process.argv[2] ?? 'merged/sweep-tiny-rlvr';
const DOMAINS = ['math', 'code', 'sci', 'if'];
const REFERENCES = ['sft', 'math', 'code', 'sci', 'if', 'mixed'];

/** One prompt of 200, in percent: sums in another order may tip an answer. */
const TOLERANCE = 0.5;

/** The merges of the README, by the settings of ours that make them. */
const PUBLISHED = {
  average: { merge_method: 'linear' },
  'task_arithmetic_0.3': { merge_method: 'task_arithmetic', lambda: '0.3' },
  'task_arithmetic_0.6': { merge_method: 'task_arithmetic', lambda: '0.6' },
  'task_arithmetic_1.0': { merge_method: 'task_arithmetic', lambda: '1.0' },
  ties_top20_lambda1: { merge_method: 'ties', trim_rule: 'exact', lambda: '1.0' },
  ties_top20_lambda1_all_tied_kept: { merge_method: 'ties', trim_rule: 'threshold', lambda: '1.0' },
};

function run(args, stdio) {
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, stdio, encoding: 'utf8' });
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

const mean = (accuracy) => DOMAINS.reduce((sum, domain) => sum + accuracy[domain], 0) / DOMAINS.length;
const line = (name, accuracy, note) =>
  [
    name.padEnd(34),
    ...DOMAINS.map((domain) => accuracy[domain].toFixed(1).padStart(5)),
    mean(accuracy).toFixed(2).padStart(6),
    note,
  ]
    .join('  ')
    .trimEnd();

run([join('dist', 'src', 'cli', 'main.js'), 'sweep', 'recipes/sweep-tiny-rlvr.yaml', FOLDER], 'inherit');

const published = JSON.parse(readFileSync(join(ROOT, GROUP, 'results.json'), 'utf8'));
const { rows } = JSON.parse(readFileSync(resolve(ROOT, FOLDER, 'sweep.json'), 'utf8'));
let isFar = false;
function compare(accuracy, expected) {
  const apart = Math.max(...DOMAINS.map((domain) => Math.abs(accuracy[domain] - expected[domain])));
  if (apart > TOLERANCE) isFar = true;
  return apart === 0
    ? 'as published'
    : `published to within ${apart} points${apart > TOLERANCE ? ', which is too far' : ''}`;
}

console.log(`\n${''.padEnd(34)}  ${DOMAINS.map((domain) => domain.padStart(5)).join('  ')}    mean`);
for (const name of REFERENCES) {
  const accuracy = JSON.parse(
    run(
      ['dist/recipes/evaluator/evaluate.js', join(GROUP, name), join(GROUP, 'eval.jsonl')],
      ['ignore', 'pipe', 'inherit'],
    ),
  );
  console.log(line(name, accuracy, compare(accuracy, published.accuracy[name])));
}
for (const [name, settings] of Object.entries(PUBLISHED)) {
  const fits = (row) => Object.entries(settings).every(([setting, value]) => row.settings[setting] === value);
  const { metrics } = rows.find(fits);
  console.log(line(name, metrics, compare(metrics, published.merged_accuracy[name])));
}
if (isFar) process.exit(1);
