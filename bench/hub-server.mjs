// The loopback Hub of the tests as a process of its own, with made-up models and a limit on its bandwidth. Prints its
// address; answers a line on stdin with what it has sent, as JSON.
//   node bench/hub-server.mjs COMPILED_SUPPORT BYTES_PER_SECOND MODELS BYTES SHARDS
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [support, rate, models, bytes, shards] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${support}/hub/${name}.js`).href);
const [{ LoopbackHub }, { bandwidth }, { memoryFile, storedFile }] = await Promise.all([
  load('loopback-hub'),
  load('exchange'),
  load('repository'),
]);

/** Finite bf16 values; every file repeats them from another place. */
const BLOCK = Buffer.alloc(64 * 1024 * 1024);
for (let i = 0; i < BLOCK.length; i += 2) {
  BLOCK[i] = (i * 2_654_435_761) >>> 24;
  BLOCK[i + 1] = 0x3c + ((i >>> 9) & 1) * 0x80;
}

/** A weight file of layers of 8 M parameters with a norm each, whose bytes are made when they are asked for. */
function weights(path, layers, offset) {
  const header = {};
  let end = 0;
  for (const layer of layers) {
    const name = (part) => `model.layers.${String(layer).padStart(3, '0')}.${part}.weight`;
    for (const [part, shape] of [
      ['mlp', [2048, 4096]],
      ['norm', [2048]],
    ]) {
      const begin = end;
      end += 2 * shape.reduce((a, b) => a * b, 1);
      header[name(part)] = { dtype: 'BF16', shape, data_offsets: [begin, end] };
    }
  }
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(8 + json.length);
  head.writeBigUInt64LE(BigInt(json.length));
  json.copy(head, 8);
  const size = head.length + end;
  const fill = (from, to) => {
    const start = (from + offset) % BLOCK.length;
    if (start + to - from <= BLOCK.length) return BLOCK.subarray(start, start + to - from);
    return Buffer.concat([BLOCK.subarray(start), BLOCK.subarray(0, start + to - from - BLOCK.length)]);
  };
  const slice = (from, to) => {
    if (from >= head.length) return fill(from - head.length, to - head.length);
    const begin = head.subarray(from, Math.min(to, head.length));
    return to <= head.length ? begin : Buffer.concat([begin, fill(0, to - head.length)]);
  };
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += 1 << 20) hash.update(slice(at, Math.min(size, at + (1 << 20))));
  return storedFile(path, { size, slice }, hash.digest('hex'));
}

const layerCount = Math.round(bytes / (2 * 2048 * 4097));
const hub = await LoopbackHub.start({ throttle: Number(rate) > 0 ? bandwidth(Number(rate)) : undefined });
for (let model = 0; model < models; model++) {
  const layers = Array.from({ length: layerCount }, (_, i) => i);
  const count = Number(shards);
  const name = (shard) => (count === 1 ? 'model.safetensors' : `model-0000${shard + 1}-of-0000${count}.safetensors`);
  const files = Array.from({ length: count }, (_, shard) => {
    const own = layers.filter((layer) => Math.floor((layer * count) / layerCount) === shard);
    return [own, weights(name(shard), own, 1_000_000 * model)];
  });
  const map = files.flatMap(([own], shard) =>
    own.flatMap((layer) =>
      ['mlp', 'norm'].map((part) => [`model.layers.${String(layer).padStart(3, '0')}.${part}.weight`, name(shard)]),
    ),
  );
  const index =
    count === 1
      ? []
      : [
          memoryFile(
            'model.safetensors.index.json',
            JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(map) }),
          ),
        ];
  hub.add(`bench/m${model}`, [
    memoryFile('config.json', '{"model_type": "llama"}'),
    ...index,
    ...files.map(([, file]) => file),
  ]);
}
process.stdout.write(`${hub.endpoint}\n`);
createInterface({ input: process.stdin }).on('line', () => {
  const of = (origin) => hub.requests.filter((request) => request.origin === origin);
  const sent = of('cdn').reduce((total, { bytesSent }) => total + bytesSent, 0);
  process.stdout.write(`${JSON.stringify({ hub: of('hub').length, cdn: of('cdn').length, sent })}\n`);
  hub.requests.length = 0;
});
