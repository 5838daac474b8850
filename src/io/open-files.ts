/** How many files a process may have open. */
import { readFileSync } from 'node:fs';

/** The limit of most systems, where it cannot be asked for. */
const USUAL_LIMIT = 1024;

/** What Node, its threads and everything but workers' files need: pipes, headers that are read side by side, outputs. */
const RESERVED = 64;

/** Fewest that a worker can do with: what it reads and what it writes, one after the other. */
const LEAST = 4;

/** Files that each of some workers may keep open, at most `wanted`. */
export function filesOfWorker(workers: number, wanted: number): number {
  return Math.max(LEAST, Math.min(wanted, Math.floor((openFileLimit() - RESERVED) / workers)));
}

function openFileLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? USUAL_LIMIT : Number(soft);
  } catch {
    return USUAL_LIMIT;
  }
}
