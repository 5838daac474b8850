/** Failures of where a model goes. Worded for `../errors.ts`. */
import { formatBytes } from './byte-text.js';
import type { Wording } from './wording.js';

export interface OutputErrorFacts {
  'output-exists': { path: string };
  'output-overlaps-input': { path: string; model: string };
  'output-holds': { path: string; what: string };
  'output-unwritable': { path: string; reason: string };
  'disk-full': { path: string; needed?: number; available?: number };
}

/** Why nothing can be written, where the file system has no word for it. */
export const MOUNT_POINT = 'another disk begins there, so it cannot be replaced as a whole';

export const RESULTS_GONE = 'the folder of the sweep was removed or replaced while it ran';

export const WEIGHTS_GONE = 'it was removed while it was being written';

const UNWRITABLE_HINTS: Readonly<Record<string, string>> = {
  EACCES: 'name a folder that you may write to',
  EPERM: 'name a folder that you may write to',
  EROFS: 'the disk is read-only; name a folder on another',
  ENOTDIR: 'a file has the place of a folder; name another',
  ENAMETOOLONG: 'choose a shorter name',
  EFBIG: 'write smaller files with --out-shard-size, or lift the limit of the process (ulimit -f)',
  ENOENT: 'its folder is not there, or went away while the merge ran',
  [MOUNT_POINT]: 'name a folder inside it',
  [RESULTS_GONE]: 'run the sweep again; it goes on from the results that are in its folder then',
  [WEIGHTS_GONE]: 'keep what tidies up away from names that begin with a dot and hold m2merge, and run the merge again',
};

export const OUTPUT_WORDINGS: { readonly [K in keyof OutputErrorFacts]: (facts: OutputErrorFacts[K]) => Wording } = {
  'output-exists': ({ path }) => ({
    message: `output folder already exists: ${path}`,
    hint: 'name another folder, or replace it with --overwrite',
  }),
  'output-overlaps-input': ({ path, model }) => ({
    message: `output folder ${path} is, holds or lies inside the input model ${model}`,
    hint: 'name another output folder',
  }),
  'output-holds': ({ path, what }) => ({
    message: `output folder ${path} holds ${what}, which would be deleted with it`,
    hint: 'name another output folder',
  }),
  'output-unwritable': ({ path, reason }) => ({
    message: `cannot write ${path}: ${reason}`,
    hint: UNWRITABLE_HINTS[reason],
  }),
  'disk-full': ({ path, needed, available }) => ({
    message:
      needed === undefined || available === undefined
        ? `no space left while writing ${path}`
        : `not enough space at ${path}: ${formatBytes(needed)} needed, ${formatBytes(available)} available`,
    hint: 'free some space or write to another disk',
  }),
};
