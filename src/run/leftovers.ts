/**
 * Names of what a run has on the disk only while it lasts, and the removal of what runs have left that were killed. The
 * names say whose they are: nothing is touched whose owner may be alive.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isGone, type Owner, thisProcess } from '../io/owner.js';

/** Follows the name of an output that was moved aside until its successor is in place. */
const REPLACED = '-replaced';

const OWNED = String.raw`(?<place>[0-9a-f]{8})-(?<pid>[1-9]\d{0,9})-[0-9a-f]{12}`;
const WORK_FOLDER = new RegExp(`^\\.(?<output>.+)\\.m2merge-${OWNED}(?<replaced>${REPLACED})?$`, 's');
const SPOOL = new RegExp(`^\\.m2merge-spool-${OWNED}$`);

/** A name for the folder in which an output is written. */
export const workName = (output: string): string => `.${output}.m2merge-${ownerMark()}`;

/** What an output is called while its successor takes its place. */
export const replacedName = (work: string): string => `${work}${REPLACED}`;

export const spoolName = (): string => `.m2merge-spool-${ownerMark()}`;

function ownerMark(): string {
  const { place, pid } = thisProcess();
  return `${place}-${pid}-${randomBytes(6).toString('hex')}`;
}

/**
 * Removes what runs have left in a folder that ended without tidying up: spools, and what they had written of outputs of
 * these names. An output that was moved aside for a successor that never came gets its name back. What cannot be removed
 * stays: it is nothing that a run needs.
 */
export async function removeLeftovers(folder: string, outputs: readonly string[] | 'all'): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    const leftover = readName(name);
    if (leftover === undefined || !isGone(leftover.owner)) continue;
    const { output, wasReplaced } = leftover;
    if (output !== undefined && outputs !== 'all' && !outputs.includes(output)) continue;
    const path = join(folder, name);
    const isLast = output !== undefined && wasReplaced && !names.includes(output);
    const work = isLast ? rename(path, join(folder, output)) : rm(path, { recursive: true, force: true });
    await work.catch(() => {});
  }
}

interface Leftover {
  readonly owner: Owner;
  /** Name of the output; undefined for a spool. */
  readonly output: string | undefined;
  readonly wasReplaced: boolean;
}

/** What a name says; undefined for any that is not one of ours. */
function readName(name: string): Leftover | undefined {
  const { place, pid, output, replaced } = (WORK_FOLDER.exec(name) ?? SPOOL.exec(name))?.groups ?? {};
  if (place === undefined) return undefined;
  return { owner: { place, pid: Number(pid) }, output, wasReplaced: replaced !== undefined };
}
