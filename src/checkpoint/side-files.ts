/** The files of a model folder that go along with merged weights unchanged: tokenizer, templates, processors, licence. */
import { access, constants, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { M2MergeError } from '../errors.js';
import { asReadError, LINK_TO_NOTHING } from '../io/read-error.js';
import { compareUtf8 } from './order.js';

/**
 * Copied when present. Not config.json, which is written changed; not README.md, which describes the base (see card.ts); not *.py,
 * which is code that would run on loading.
 */
const SIDE_FILES: ReadonlySet<string> = new Set([
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'video_preprocessor_config.json',
]);

/** Those of the tokenizer, which may come from another model than the others. */
const TOKENIZER_FILES: ReadonlySet<string> = new Set([
  'added_tokens.json',
  'bpe.codes',
  'chat_template.jinja',
  'chat_template.json',
  'merges.txt',
  'qwen.tiktoken',
  'sentencepiece.bpe.model',
  'source.spm',
  'special_tokens_map.json',
  'spiece.model',
  'spm.model',
  'target.spm',
  'tekken.json',
  'tiktoken.model',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer.model.v3',
  'tokenizer_config.json',
  'vocab.json',
  'vocab.txt',
]);

/** LICENSE, LICENSE.md, LICENSE-MODEL.txt, NOTICE and the like; the endings keep weights out whatever they are called. */
const LICENCE_FILE = /^(?:licen[cs]e|notice|copying|use_policy)(?:[-_][\w-]+)?(?:\.(?:md|txt|rst|html|pdf))?$/i;

/** Written changed, not copied. */
export const CONFIG_FILE = 'config.json';

/** What m2merge writes beside weights: how they were made. */
export const MANIFEST_FILE = 'm2merge_manifest.json';

/** The geometry of its experts, where a report was asked for. */
export const GEOMETRY_FILE = 'geometry.json';

export const TEMPLATE_FOLDER = 'additional_chat_templates';
const TEMPLATE_FILE = /^[^.].*\.jinja$/;

/**
 * Names of the side files, relative to the folder with `/` as separator, in UTF-8 byte order. Regular files only, also
 * behind symbolic links, as in the Hub's cache. Throws `file-unreadable`, also for a link to nothing.
 */
export async function listSideFiles(folder: string): Promise<string[]> {
  const names = await listFolder(folder);
  const candidates = names.filter(isSideFile);
  if (names.includes(TEMPLATE_FOLDER) && (await hasKind(join(folder, TEMPLATE_FOLDER), 'isDirectory'))) {
    const templates = await listFolder(join(folder, TEMPLATE_FOLDER));
    candidates.push(...templates.map((name) => `${TEMPLATE_FOLDER}/${name}`).filter(isSideFile));
  }
  const regular = await Promise.all(candidates.map((name) => hasKind(join(folder, name), 'isFile')));
  return candidates.filter((_, i) => regular[i]).sort(compareUtf8);
}

/** Throws `file-unreadable` where a side file of a folder could not be copied: before weights are merged for nothing. */
export async function checkSideFiles(folder: string): Promise<void> {
  for (const name of await listSideFiles(folder)) {
    const path = join(folder, name);
    await access(path, constants.R_OK).catch((error: unknown) => {
      throw asReadError(error, path);
    });
  }
}

/** Whether a file, named relative to the model's folder, goes along with merged weights. */
export function isSideFile(name: string): boolean {
  return SIDE_FILES.has(name) || LICENCE_FILE.test(name) || isTokenizerFile(name);
}

/** Whether a file, named relative to the model's folder, belongs to its tokenizer; chat templates do. */
export function isTokenizerFile(name: string): boolean {
  const [first, second, ...deeper] = name.split('/');
  if (second === undefined) return TOKENIZER_FILES.has(name);
  return first === TEMPLATE_FOLDER && deeper.length === 0 && TEMPLATE_FILE.test(second);
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    throw new M2MergeError('file-unreadable', { path, reason: (error as Error).message }, { cause: error });
  }
}

/** Of a name that is listed, so that what is not there is the end of a dangling link: as in a cache that was damaged. */
async function hasKind(path: string, kind: 'isFile' | 'isDirectory'): Promise<boolean> {
  try {
    return (await stat(path))[kind]();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw asReadError(error, path);
    throw new M2MergeError('file-unreadable', { path, reason: LINK_TO_NOTHING }, { cause: error });
  }
}
