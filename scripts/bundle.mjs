// Joins the command line and the worker into a few files, each with the packages it uses: reading some 150 small modules
// takes longer than a small merge. The library's modules stay as the compiler wrote them, beside the bundles.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const OUTPUT = fileURLToPath(new URL('../dist/src/', import.meta.url));

/** Entries keep their places; all else lies one folder deep too, where relative addresses of files mean the same. */
const ENTRIES = { 'cli/main': join(OUTPUT, 'cli/main.js'), 'run/worker': join(OUTPUT, 'run/worker.js') };
const CHUNKS = 'chunks';

/** Loaded on demand, by terminals or for the Hub only, and made of many small files. */
const EXTERNAL = ['ora', '@huggingface/hub', 'undici'];

/** The licences of the packages inside the bundles, as these ask for. */
function licencesOf(modules) {
  const folders = new Set(modules.flatMap((id) => /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? []));
  const texts = [...folders].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version}\n\n${file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

export async function bundle() {
  rmSync(join(OUTPUT, CHUNKS), { recursive: true, force: true });
  const build = await rolldown({ input: ENTRIES, platform: 'node', external: EXTERNAL, logLevel: 'warn' });
  const { output } = await build.write({
    dir: OUTPUT,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${CHUNKS}/[name]-[hash].js`,
  });
  await build.close();
  const modules = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
  writeFileSync(join(OUTPUT, CHUNKS, 'LICENSES.txt'), licencesOf(modules));
}
