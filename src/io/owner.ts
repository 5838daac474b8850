/** Who something temporary on the disk belongs to, so that others can tell when its owner is gone. */
import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Owner {
  /** Where process ids mean what they mean: a host, or a container on it, as hex digits. */
  readonly place: string;
  readonly pid: number;
}

/** Hex digits of a place. */
const PLACE_DIGITS = 8;

let place: string | undefined;

export function thisProcess(): Owner {
  place ??= createHash('sha256').update(`${hostname()}\n${processNamespace()}`).digest('hex').slice(0, PLACE_DIGITS);
  return { place, pid: process.pid };
}

/** Whether the owner has ended for sure: one of another place never has, nor one whose id another process has now. */
export function isGone(owner: Owner): boolean {
  if (owner.place !== thisProcess().place) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
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
