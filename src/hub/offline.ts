/** A model as the cache has it, without any network: what is not there is an error that says so. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isM2MergeError, M2MergeError } from '../errors.js';
import { openFileSource } from '../io/file.js';
import type { CachedRepository } from './cache-layout.js';
import { checkRevision, type HubName, isSafeFileName } from './endpoint.js';
import type { HubModel } from './hub-model.js';

/** Opens the snapshot that a branch, tag or commit had when it was last fetched. Throws `hub-offline`. */
export async function openOfflineModel(cache: CachedRepository, name: HubName): Promise<HubModel> {
  const { repo } = name;
  const model = name.revision === undefined ? repo : `${repo}@${name.revision}`;
  const missing = (what: string) => new M2MergeError('hub-offline', { model, missing: what });
  const revision = checkRevision(name);
  const commit = await cache.readRef(revision);
  if (commit === undefined) throw missing(`revision "${revision}"`);
  const folder = cache.snapshot(commit);
  const listed = await readdir(folder, { recursive: true, encoding: 'utf8' }).catch(() => undefined);
  if (listed === undefined) throw missing('the model');
  const sizes = new Map<string, number>();
  for (const path of listed.map((path) => path.replaceAll('\\', '/')).filter(isSafeFileName)) {
    // A link whose blob is gone counts as missing.
    const stats = await stat(join(folder, path)).catch(() => undefined);
    if (stats?.isFile()) sizes.set(path, stats.size);
  }
  const need = (path: string): number => {
    const size = sizes.get(path);
    if (size === undefined) throw missing(path);
    return size;
  };
  return {
    folder,
    origin: { repo, commit },
    warnings: [],
    paths: [...sizes.keys()],
    describe: (path) => join(folder, path),
    list: async () => [...sizes.keys()].filter((path) => !path.includes('/')),
    byteLength: need,
    async open(path) {
      need(path);
      return openFileSource(join(folder, path));
    },
    async pull(paths) {
      paths.forEach(need);
      return [];
    },
    isCached: async (path) => sizes.has(path),
    explain(error) {
      if (isM2MergeError(error, 'weights-missing')) return missing(error.facts.files.join(', '));
      return isM2MergeError(error, 'model-empty') ? missing('a weight file') : error;
    },
    remote(path) {
      throw missing(path);
    },
  };
}
