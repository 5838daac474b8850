// The Hub's figures on loopback with the bandwidth capped to 200 MB/s: a download into the cache, a streamed merge of
// five models of 1 GB, the requests that headers take. Takes about 2.5 GB of disk and, on two cores, a minute.
//   node bench/hub.mjs [--record FILE]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MAIN, measure } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';

const { record } = readOptions();
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RATE = 200e6;
const MODEL_BYTES = 1e9;

const work = mkdtempSync(join(tmpdir(), 'm2merge-bench-hub-'));
const support = join(work, 'support');
const compiled = spawnSync(
  'npx',
  ['--no-install', 'tsc', '-p', join(ROOT, 'bench/hub-support.json'), '--outDir', support],
  { cwd: ROOT, stdio: 'inherit' },
);
if (compiled.status !== 0) process.exit(1);
writeFileSync(join(support, 'package.json'), '{"type": "module"}');

/** Starts a Hub; `count` resets and returns what it was asked. */
async function startHub(models, bytes, shards) {
  const server = join(ROOT, 'bench/hub-server.mjs');
  const child = spawn(process.execPath, [server, support, RATE, models, bytes, shards].map(String), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: endpoint } = await lines.next();
  const count = async () => {
    child.stdin.write('\n');
    return JSON.parse((await lines.next()).value);
  };
  return { endpoint, count, stop: () => child.kill() };
}

const rows = [];
const report = (row) => {
  rows.push(row);
  console.log(
    Object.entries(row)
      .map(([key, value]) => `${key}: ${value}`)
      .join('  '),
  );
};
const usage = ({ seconds, cpuSeconds, peak }) => ({
  seconds: seconds.toFixed(2),
  'cpu seconds': cpuSeconds.toFixed(1),
  'peak RSS': `${Math.round(peak / 1e6)} MB`,
});

process.env.HF_HOME = join(work, 'home');
process.env.NO_COLOR = '1';
try {
  const hub = await startHub(5, MODEL_BYTES, 1);
  process.env.HF_ENDPOINT = hub.endpoint;
  const list = [0, 1, 2, 3, 4].map((model) => `  - {model: bench/m${model}, parameters: {weight: 1}}`).join('\n');
  const recipe = join(work, 'recipe.yaml');
  writeFileSync(recipe, `merge_method: linear\nmodels:\n${list}\n`);

  const planned = await measure(process.execPath, [MAIN, 'plan', recipe]);
  report({ what: 'plan of five models', ...usage(planned), ...(await hub.count()) });

  const pulled = await measure(process.execPath, [MAIN, 'pull', 'bench/m0', '--quiet']);
  const pull = await hub.count();
  report({
    what: 'pull of 1 GB',
    ...usage(pulled),
    ...pull,
    'of bandwidth': (pull.sent / RATE / pulled.seconds).toFixed(3),
  });
  rmSync(process.env.HF_HOME, { recursive: true });

  let spool = 0;
  const watch = setInterval(() => {
    for (const name of readdirSync(work).filter((file) => file.startsWith('.m2merge-spool'))) {
      spool = Math.max(spool, 512 * statSync(join(work, name)).blocks);
    }
  }, 50);
  const args = [MAIN, recipe, join(work, 'out'), '--stream', '--spool-size', '1GB', '--quiet'];
  const streamed = await measure(process.execPath, args);
  clearInterval(watch);
  const stream = await hub.count();
  report({
    what: 'streamed linear merge of 5 × 1 GB',
    ...usage(streamed),
    ...stream,
    'times the transfer': (streamed.seconds / (stream.sent / RATE)).toFixed(3),
    'times each byte': (stream.sent / (5 * MODEL_BYTES)).toFixed(3),
    'largest spool': `${Math.round(spool / 1e6)} MB`,
  });
  hub.stop();

  const sharded = await startHub(5, 2e8, 4);
  process.env.HF_ENDPOINT = sharded.endpoint;
  process.env.HF_HOME = join(work, 'home-2');
  const headers = await measure(process.execPath, [MAIN, 'plan', recipe]);
  report({ what: 'headers of five models in four shards', ...usage(headers), ...(await sharded.count()) });
  sharded.stop();
} finally {
  rmSync(work, { recursive: true, force: true });
}
writeRecord(record, 'hub', { rows });
