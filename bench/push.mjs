// Shows that the memory of a push does not grow with what is pushed: weight files of several sizes (sparse, so that they
// take no disk) go to a Hub on loopback that forgets what it is sent. Fails above the limit.
//   node bench/push.mjs [--gigabytes 1,4] [--record FILE]     after `npm run build`
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAIN, measure } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';

/** Most resident memory that a push may take, bytes. */
const LIMIT = 200_000_000;

/** Bytes of a part, where the Hub asks for parts: what huggingface.co uses. */
const PART_BYTES = 200_000_000;

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

const options = readOptions({ gigabytes: '1,4' });

/** A Hub that takes everything and keeps nothing. `inParts` asks for large files in parts. */
async function startHub(inParts) {
  let received = 0;
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) {
      if (request.method === 'PUT') received += chunk.length;
      else chunks.push(chunk);
    }
    const path = new URL(request.url, origin).pathname;
    const body = Buffer.concat(chunks).toString();
    response.setHeader('ETag', '"part"');
    if (request.method === 'PUT') response.end();
    else response.end(JSON.stringify(answer(path, body)));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${server.address().port}`;
  function answer(path, body) {
    if (path.endsWith('/preupload/main')) {
      const { files } = JSON.parse(body);
      return {
        files: files.map(({ path: file }) => ({ path: file, uploadMode: file.endsWith('.md') ? 'regular' : 'lfs' })),
      };
    }
    if (path.endsWith('/objects/batch')) return { objects: JSON.parse(body).objects.map(uploadOf) };
    if (path.includes('/commit/')) return { success: true, commitOid: COMMIT, commitUrl: `${origin}/c` };
    if (path.includes('/tree/')) return [];
    return { id: 'me/bench', sha: COMMIT, private: false };
  }
  function uploadOf({ oid, size }) {
    const href = `${origin}/uploads/${oid}`;
    if (!inParts) return { oid, size, actions: { upload: { href } } };
    const count = Math.ceil(size / PART_BYTES);
    const parts = Array.from({ length: count }, (_, i) => [String(i + 1).padStart(5, '0'), `${href}/${i + 1}`]);
    const header = { chunk_size: String(PART_BYTES), ...Object.fromEntries(parts) };
    return { oid, size, actions: { upload: { href: `${origin}/complete`, header } } };
  }
  return { origin, received: () => received, close: () => server.close() };
}

/** A folder with weight files of holes, no two the same, and a card. */
function makeFolder(bytes, files) {
  const folder = mkdtempSync(join(tmpdir(), 'm2merge-bench-'));
  for (let i = 0; i < files; i++) {
    const file = openSync(join(folder, `model-${i}.safetensors`), 'w');
    ftruncateSync(file, bytes / files);
    writeSync(file, `${i}`, 0);
    closeSync(file);
  }
  writeFileSync(join(folder, 'README.md'), '# bench\n');
  return folder;
}

const CASES = [
  { name: 'in one file', files: 1, inParts: false },
  { name: 'in one file, sent in parts', files: 1, inParts: true },
  { name: 'in eight files', files: 8, inParts: false },
];

const rows = [];
for (const gigabytes of options.gigabytes.split(',').map(Number)) {
  for (const { name, files, inParts } of CASES) {
    const folder = makeFolder(gigabytes * 1e9, files);
    const hub = await startHub(inParts);
    Object.assign(process.env, { HF_ENDPOINT: hub.origin, HF_TOKEN: 'hf_bench', HF_HOME: folder });
    const { seconds, cpuSeconds, peak } = await measure(process.execPath, [
      MAIN,
      'push',
      folder,
      'me/bench',
      '--quiet',
    ]);
    if (hub.received() !== gigabytes * 1e9) throw new Error(`${hub.received()} bytes arrived`);
    hub.close();
    rows.push({
      pushed: `${gigabytes} GB ${name}`,
      peakMegabytes: Math.round(peak / 1e6),
      seconds: Number(seconds.toFixed(1)),
      cpuSeconds: Number(cpuSeconds.toFixed(1)),
      megabytesPerSecond: Math.round((gigabytes * 1000) / seconds),
    });
    rmSync(folder, { recursive: true, force: true });
  }
}
console.table(rows);
writeRecord(options.record, 'push', { rows });
const over = rows.filter(({ peakMegabytes }) => peakMegabytes * 1e6 > LIMIT);
if (over.length > 0) throw new Error(`above ${LIMIT / 1e6} MB: ${over.map(({ pushed }) => pushed).join(', ')}`);
