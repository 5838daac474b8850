// Joins the command line and the worker into a few files, each with the packages it uses: reading some 150 small modules
// takes longer than a small merge. The library's modules stay as the compiler wrote them, beside the bundles.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const OUTPUT = fileURLToPath(new URL('../dist/src/', import.meta.url));

const PACKAGE = fileURLToPath(new URL('../package.json', import.meta.url));

const CHUNKS = 'chunks';

/**
 * Entries keep their places, the program too, which tests run without a process; all else lies one folder deep too, where relative addresses of files mean the same. The
 * worker is a bundle of its own: threads share no code, so all that a chunk in common would give it is more to read.
 */
const BUNDLES = [
  { 'run/worker': join(OUTPUT, 'run/worker.js') },
  { 'cli/main': join(OUTPUT, 'cli/main.js'), 'cli/program': join(OUTPUT, 'cli/program.js') },
];

/**
 * What a merge always loads comes in three files, each with all that it imports; a file costs more than its bytes. The
 * version alone is asked for so often that it does without them.
 */
const GROUPS = [
  { name: 'version', test: /src\/version\.js$/, priority: 4 },
  { name: 'program', test: /cli\/program\.js$/, priority: 3 },
  { name: 'plan', test: /cli\/commands\/plan\.js$/, priority: 2 },
  { name: 'merge', test: /cli\/commands\/merge\.js$/, priority: 1 },
];

/** Loaded on demand, by terminals or for the Hub only, and made of many small files. */
const EXTERNAL = ['ora', '@huggingface/hub', 'undici'];

/** The same code as modules, which join into one; what `yaml` gives Node are 70 CommonJS files that stay apart. */
const ALIAS = { yaml: fileURLToPath(new URL('../node_modules/yaml/browser/dist/index.js', import.meta.url)) };

/** Comments and indentation are a third of what V8 has to read. Names stay, for stack traces. */
const WITHOUT_WHITESPACE = { compress: false, mangle: false, codegen: { removeWhitespace: true } };

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

/** In the bundles the version is a constant: to find the package's own file takes Node longer than to load them. */
const withVersion = {
  name: 'with-version',
  load(id) {
    if (id !== join(OUTPUT, 'version.js')) return undefined;
    const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8'));
    return `export const VERSION = ${JSON.stringify(version)};`;
  },
};

/** Characters taken as they stand, in a template or behind a backslash: an escape would not mean the same. */
const RAW = /String\.raw`[^`]*[^\0-\x7f]|\\[^\0-\x7f]/;

/**
 * The code with escapes for all but ASCII, which V8 reads faster: it holds text with any other character in two bytes for
 * each. Where escapes would change what is written, the code as it is.
 */
function inAscii(code) {
  if (RAW.test(code)) return code;
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Writes a bundle and returns the files that it is made of. */
async function write(input) {
  const build = await rolldown({
    input,
    platform: 'node',
    external: EXTERNAL,
    resolve: { alias: ALIAS },
    plugins: [withVersion],
    logLevel: 'warn',
  });
  const { output } = await build.generate({
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${CHUNKS}/[name]-[hash].js`,
    codeSplitting: { includeDependenciesRecursively: true, groups: GROUPS },
    minify: WITHOUT_WHITESPACE,
  });
  await build.close();
  for (const { fileName, code } of output) {
    const path = join(OUTPUT, fileName);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, inAscii(code));
  }
  return output.flatMap(({ moduleIds }) => moduleIds);
}

export async function bundle() {
  rmSync(join(OUTPUT, CHUNKS), { recursive: true, force: true });
  const modules = [];
  for (const input of BUNDLES) modules.push(...(await write(input)));
  writeFileSync(join(OUTPUT, CHUNKS, 'LICENSES.txt'), licencesOf(modules));
}
