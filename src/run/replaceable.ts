/** Which folders `--overwrite` may replace, since what they hold is deleted: models that m2merge made, and folders of nothing but a model. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isSideFile, MANIFEST_FILE, TEMPLATE_FOLDER } from '../checkpoint/side-files.js';
import { MOUNT_POINT } from '../errors/output.js';
import { M2MergeError } from '../errors.js';
import { replacedName, workName } from './leftovers.js';

/** What no model is lost with: the history of a repository. */
const HISTORY = '.git';

/** Folders that may lie in a model's: its templates, and what downloads leave. */
const INNER_FOLDERS: ReadonlySet<string> = new Set([TEMPLATE_FOLDER, '.cache']);

/** Weights by the names that loaders look for; any others may be of anything. */
const MODEL_WEIGHTS = /^(?:model|pytorch_model|consolidated)(?:[-_.].*)?\.(?:safetensors|bin)$/;

/** What else training, publishing and merging leave beside weights, but for side files. */
const BESIDE_WEIGHTS: readonly RegExp[] = [
  /(?:^|[._])(?:config|index|results|state)\.json$/,
  /^(?:configuration|modeling|tokenization|processing|image_processing)_\w+\.py$/,
  /^(?:README\.md|recipe\.yaml|mergekit_config\.ya?ml|geometry\.(?:json|md|html)|training_args\.bin|\.gitattributes|\.DS_Store)$/,
];

/** Longest name of a file or folder on the usual file systems, bytes. */
const LONGEST_NAME = 255;

/**
 * Throws `output-exists` for a folder that is not empty unless it is to be replaced, and `output-unwritable` for one that
 * cannot be, or is no model as far as its entries tell.
 */
export async function checkReplaceable(path: string, overwrite: boolean): Promise<void> {
  const entries = await entriesOf(path);
  const refuse = (reason: string): never => {
    throw new M2MergeError('output-unwritable', { path, reason });
  };
  if (await isMountPoint(path)) refuse(MOUNT_POINT);
  if (Buffer.byteLength(replacedName(workName(basename(path)))) > LONGEST_NAME) refuse('ENAMETOOLONG');
  if (entries.length === 0) return;
  if (!overwrite) throw new M2MergeError('output-exists', { path });
  const reason = whyNoModel(entries);
  if (reason !== undefined) refuse(`${reason}, so --overwrite leaves it alone`);
}

interface Entry {
  readonly name: string;
  readonly isFolder: boolean;
}

async function entriesOf(path: string): Promise<Entry[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new M2MergeError('output-unwritable', { path, reason: code ?? message }, { cause });
  }
}

/** What speaks against a folder being a model, if anything does. One that m2merge made may have got any files since. */
function whyNoModel(entries: readonly Entry[]): string | undefined {
  const names = entries.map(({ name }) => name);
  if (names.includes(HISTORY)) return 'the folder is a repository with a history';
  const isOurs = names.includes(MANIFEST_FILE);
  if (!isOurs && !names.some((name) => MODEL_WEIGHTS.test(name))) return 'the folder holds files but no model';
  const isPart = ({ name, isFolder }: Entry): boolean =>
    isFolder ? INNER_FOLDERS.has(name) : isOurs || isModelFile(name);
  const foreign = entries.find((entry) => !isPart(entry));
  return foreign && `the folder holds ${foreign.name}, which is no part of a model`;
}

const isModelFile = (name: string): boolean =>
  MODEL_WEIGHTS.test(name) || isSideFile(name) || BESIDE_WEIGHTS.some((pattern) => pattern.test(name));

/** Whether a folder is where another disk begins: it can be filled but not be replaced as a whole. */
async function isMountPoint(path: string): Promise<boolean> {
  const devices = await Promise.all(
    [path, dirname(path)].map((folder) =>
      stat(folder).then(
        ({ dev }) => dev,
        () => undefined,
      ),
    ),
  );
  return devices[0] !== undefined && devices[0] !== devices[1];
}
