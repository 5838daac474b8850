/** Fetches models from the Hub into the cache without merging them. */
import { ADAPTER_CONFIG_FILE } from './checkpoint/adapter-config.js';
import { ADAPTER_WEIGHTS_FILE } from './checkpoint/adapter-folder.js';
import { findWeightFiles } from './checkpoint/folder.js';
import { INDEX_FILE_NAME } from './checkpoint/shard-index.js';
import { M2MergeError } from './errors.js';
import { type HubName, readHubName } from './hub/endpoint.js';
import type { HubModel, HubOrigin } from './hub/hub-model.js';
import { HubInputs, type InputOptions } from './plan/hub-inputs.js';
import { besideWeights, cardOf, type ObtainOptions, type TransferProgress } from './plan/obtain.js';
import { parseReference } from './recipe/reference.js';
import type { Warning } from './warnings.js';

export interface PullModelsOptions extends InputOptions, Pick<ObtainOptions, 'onTransfer' | 'onLocked' | 'verify'> {
  /** Fetch every file of a repository instead of what a merge needs. */
  readonly all?: boolean;
}

/** A model that is in the cache now. */
export interface PulledModel extends HubOrigin {
  /** The reference as given. */
  readonly model: string;
  /** Absolute folder of the commit in the cache. */
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  readonly warnings: readonly Warning[];
}

/** Fetches models, one after the other. Throws `usage` for what names none, the Hub's refusals, and what pulling throws. */
export async function pullModels(
  references: readonly string[],
  options: PullModelsOptions = {},
): Promise<PulledModel[]> {
  if (!Array.isArray(references)) {
    const message = `expected a list of models, found a value of type ${typeof references}`;
    throw new M2MergeError('usage', { message, hint: "pull(['org/name'])" });
  }
  const named = references.flatMap((text) => namesIn(text).map((name) => ({ text, name })));
  const hub = new HubInputs(options);
  const found: { text: string; model: HubModel; paths: readonly string[] }[] = [];
  for (const { text, name } of named) {
    const model = await hub.model(name);
    found.push({ text, model, paths: options.all ? model.paths : await neededFiles(model) });
  }
  const bytesOf = ({ model, paths }: (typeof found)[number]): number =>
    paths.reduce((total, path) => total + model.byteLength(path), 0);
  const totalBytes = found.reduce((total, entry) => total + bytesOf(entry), 0);
  const pulled: PulledModel[] = [];
  for (const entry of found) {
    const { text, model, paths } = entry;
    const warnings = await model.pull(paths, {
      verify: options.verify,
      onProgress: (progress) => options.onTransfer?.({ ...progress, totalBytes } satisfies TransferProgress),
      onLocked: () => options.onLocked?.(model.origin.repo),
    });
    const { folder, origin } = model;
    const said = [...model.warnings, ...warnings];
    pulled.push({ ...origin, model: text, folder, files: paths.length, bytes: bytesOf(entry), warnings: said });
  }
  return pulled;
}

/** The repositories that a reference names: a model, and its adapter. */
function namesIn(text: string): HubName[] {
  const parts = parseReference(text);
  const locations = 'problem' in parts ? [] : [parts.location, ...(parts.adapter === undefined ? [] : [parts.adapter])];
  return (locations.length === 0 ? [undefined] : locations).map((location) => {
    const name = location && readHubName(location.path, location.revision);
    if (name !== undefined) return name;
    const message = `"${text}" is not the name of a model on the Hub`;
    throw new M2MergeError('usage', { message, hint: 'expected org/name, org/name@revision or hf://org/name' });
  });
}

/**
 * What a merge may read of a repository: weights with their index, config, side files; or an adapter; and the card. The
 * names say it: headers come with their files.
 */
async function neededFiles(model: HubModel): Promise<string[]> {
  if (model.paths.includes(ADAPTER_CONFIG_FILE)) return [ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, ...cardOf(model)];
  try {
    const { from, files } = await findWeightFiles(model, await model.list());
    return [...besideWeights(model), ...cardOf(model), ...(from === 'index' ? [INDEX_FILE_NAME] : []), ...files];
  } catch (error) {
    throw model.explain(error);
  }
}
