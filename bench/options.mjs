// What benches can be told on the command line, and the records that they write.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.mjs';

/** The options of a bench by name, as text: those of `defaults`, and `--record FILE`, which all have. */
export function readOptions(defaults = {}) {
  const entries = Object.entries({ record: '', ...defaults });
  const options = Object.fromEntries(
    entries.map(([name, value]) => [name, { type: 'string', default: String(value) }]),
  );
  return parseArgs({ options }).values;
}

/** Writes what was measured, and where, if a file was asked for. */
export function writeRecord(file, bench, facts) {
  if (file === '') return;
  writeFileSync(file, `${JSON.stringify({ bench, ...describeMachine(), ...facts }, null, 2)}\n`);
}
