/** Compiles kernels/simd (AssemblyScript) to dist/kernels/kernels.wasm. */
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import asc from 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = 'kernels/simd';
const ENTRY = `${SOURCES}/index.ts`;
const OUTPUT = 'dist/kernels/kernels.wasm';

/** 64 KiB pages: what static data needs to start with, and all that 32-bit addresses reach (4 GiB). */
const INITIAL_PAGES = 50;
const MAXIMUM_PAGES = 65_536;

/**
 * Compiles the sources, writes the module and returns its path. Throws with the compiler's output when they are wrong.
 * Plain SIMD only: relaxed SIMD may give different results on different machines.
 */
export async function buildKernels() {
  const path = join(ROOT, OUTPUT);
  let binary;
  const { error, stderr } = await asc.main(
    [
      ENTRY,
      ...['--baseDir', ROOT],
      ...['--outFile', OUTPUT],
      ...['--runtime', 'stub'],
      ...['--enable', 'simd'],
      ...['--initialMemory', String(INITIAL_PAGES)],
      ...['--maximumMemory', String(MAXIMUM_PAGES)],
      '-O3',
      '--noAssert',
    ],
    {
      writeFile: (_name, contents) => {
        binary = contents;
      },
    },
  );
  if (error !== null || binary === undefined) {
    throw new Error(`the kernels do not compile\n${stderr.toString()}`, { cause: error });
  }
  mkdirSync(join(ROOT, 'dist/kernels'), { recursive: true });
  // Renamed into place: test workers may build and load at the same time.
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, binary);
  renameSync(unfinished, path);
  return path;
}

/** Builds when there is no module yet or a source is newer. Returns the module's path. */
export async function buildKernelsIfStale() {
  const path = join(ROOT, OUTPUT);
  const built = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const names = readdirSync(join(ROOT, SOURCES)).filter((name) => name.endsWith('.ts'));
  const isStale = names.some((name) => statSync(join(ROOT, SOURCES, name)).mtimeMs > built);
  return isStale ? buildKernels() : path;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await buildKernels());
}
