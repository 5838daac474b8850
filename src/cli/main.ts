#!/usr/bin/env node
/** The entry: answers what needs no parsing at once, and loads the program for everything else. */
import { VERSION } from '../version.js';

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const [first, ...more] = process.argv.slice(2);
if (first === '--version' && more.length === 0) process.stdout.write(`${VERSION}\n`);
else await (await import('./program.js')).runProgram();
