/**
 * How often a function runs before V8 compiles it once more, to run faster. For the command line alone, as the setting is of
 * the whole process.
 */
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

/**
 * Bytecode that a function runs through between two looks at whether it is worth the effort. V8 11, that of Node 20, takes
 * 66 KiB, and then compiles for a tenth of a second what takes less than that in all, on the cores that merge; later ones
 * wait by themselves, and have no such setting. What runs long is found out about a little later.
 */
const BYTECODE_BEFORE_LOOK = 500_000;

/** Lets V8 compile less. */
export function compileLate(): void {
  if (process.versions.v8.startsWith('11.')) setFlagsFromString(`--interrupt-budget=${BYTECODE_BEFORE_LOOK}`);
}
