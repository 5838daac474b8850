/** What the merged model will not have beside its weights, though loaders want it: files come from the base or the first model alone. */
import { join } from 'node:path';
import { CONFIG_FILE, isTokenizerFile, listSideFiles } from '../checkpoint/side-files.js';
import { isFile } from '../io/kind.js';
import { type Warning, warning } from '../warnings.js';
import type { PreparedMerge } from './plan.js';

type Beside = Pick<PreparedMerge, 'plan' | 'folders' | 'donorConfig' | 'beside'>;

/** For models in folders; throws `file-unreadable`. */
export async function warnOfMissingBeside({ plan, folders, donorConfig, beside }: Beside): Promise<Warning[]> {
  const nameOf = (input: number): string => plan.inputs[input]!.reference;
  const donor = plan.donor;
  const others = [...folders.keys()].filter((input) => folders[input] !== folders[donor]);
  /** Told where the donor lacks what another has. */
  const lacking = async (what: string, has: (folder: string) => Promise<boolean>): Promise<Warning[]> => {
    if (await has(folders[donor]!)) return [];
    for (const input of others) {
      if (await has(folders[input]!))
        return [warning('beside-missing', { what, model: nameOf(donor), other: nameOf(input) })];
    }
    return [];
  };
  const hasConfig = (folder: string): Promise<boolean> => isFile(join(folder, CONFIG_FILE));
  const hasTokenizer = async (folder: string): Promise<boolean> =>
    (await listSideFiles(folder).catch(() => [])).some(isTokenizerFile);
  return [
    ...(await lacking(CONFIG_FILE, hasConfig)),
    ...(beside === undefined ? await lacking('tokenizer', hasTokenizer) : []),
    ...(donorConfig?.auto_map === undefined ? [] : [warning('code-left-out', { model: nameOf(donor) })]),
  ];
}
