/** Who something temporary on the disk belongs to, so that others can tell when its owner is gone. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Owner {
  /** Where process ids mean what they mean: a host, or a container on it, as hex digits. */
  readonly place: string;
  readonly pid: number;
  /** When it began, in the words of the system, where that says: ids are used again. */
  readonly started?: string | undefined;
}

/** Hex digits of a place. */
const PLACE_DIGITS = 8;

let owner: Owner | undefined;

export function thisProcess(): Owner {
  owner ??= {
    place: createHash('sha256').update(`${hostname()}\n${processNamespace()}`).digest('hex').slice(0, PLACE_DIGITS),
    pid: process.pid,
    started: statusOf(process.pid)[START_FIELD + 1],
  };
  return owner;
}

/** Whether a process has ended for sure: one of another place never has. */
export function isGone({ place, pid, started }: Owner): boolean {
  if (place !== thisProcess().place) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of another user may not be asked, but looked at.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
  }
  const [state = '', ...fields] = statusOf(pid);
  return ENDED.has(state) || (started !== undefined && started !== (fields[START_FIELD] ?? started));
}

/** States of a process that has ended, also where nobody has taken note of it yet; see proc(5). */
const ENDED: ReadonlySet<string> = new Set(['Z', 'X']);

/** Where the time of a process's start stands among the fields after its state. */
const START_FIELD = 18;

/** What the system says of a process, from its state on; nothing where it says nothing. */
function statusOf(pid: number): string[] {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything.
    return status.slice(status.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Containers may share a host's name and its disk, but not its process ids. */
function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
