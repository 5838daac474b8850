#!/usr/bin/env node
/** The entry: answers what needs no parsing at once, and loads the program for everything else. */
import { VERSION } from '../version.js';

// A reader that has seen enough (`| head`) is no failure, and no reason to leave work half done.
let told = false;
process.stdout.on('error', async ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE' || told) return;
  told = true;
  const [{ M2MergeError }, { reportFailure }] = await Promise.all([import('../errors.js'), import('./failure.js')]);
  const facts = { path: 'standard output', reason: code ?? message };
  process.exitCode = reportFailure(new M2MergeError('output-unwritable', facts), false);
});
// There is nobody left to tell.
process.stderr.on('error', () => {});

const [first, ...more] = process.argv.slice(2);
if (first === '--version' && more.length === 0) process.stdout.write(`${VERSION}\n`);
else await (await import('./program.js')).runProgram();
