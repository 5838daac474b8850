/** A LoRA adapter's folder, in PEFT's layout: its config and the header of its weights. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isM2MergeError, M2MergeError } from '../errors.js';
import type { ModelFiles } from '../io/model-files.js';
import type { ByteSource } from '../io/source.js';
import type { Adapter } from './adapter.js';
import { ADAPTER_CONFIG_FILE, readAdapterConfig } from './adapter-config.js';
import { MAX_CONFIG_BYTES, parseConfig } from './config.js';
import { placeOf } from './folder.js';
import { readHeader } from './header.js';
import { ModelFolder } from './model-folder.js';
import { readTextFile } from './text-file.js';
import { foreignWeights } from './weight-files.js';

export const ADAPTER_WEIGHTS_FILE = 'adapter_model.safetensors';

/**
 * Opens an adapter, given its folder or its files. Reads no weights. Throws `file-missing`, `file-unreadable`,
 * `model-empty` for weights in another format, `safetensors-invalid`, `config-invalid`, `adapter-invalid`,
 * `adapter-unsupported`.
 */
export async function openAdapter(adapter: string | ModelFiles): Promise<Adapter> {
  const files = typeof adapter === 'string' ? new ModelFolder(adapter) : adapter;
  const configPath = files.describe(ADAPTER_CONFIG_FILE);
  const refuse = (detail: string): Error => new M2MergeError('config-invalid', { file: configPath, detail });
  const reading = readTextFile(files, ADAPTER_CONFIG_FILE, MAX_CONFIG_BYTES, refuse);
  const text = await reading.catch(asMissing('config of the adapter'));
  const config = readAdapterConfig(parseConfig(text, configPath), configPath);
  const source = await openWeights(files);
  try {
    const { header, bytes } = await readHeader(source);
    const headerSha256 = createHash('sha256').update(bytes).digest('hex');
    const path = join(files.folder, ADAPTER_WEIGHTS_FILE);
    const { byteLength, version } = source;
    const file = { name: ADAPTER_WEIGHTS_FILE, path, byteLength, headerSha256, ...(version && { version }) };
    return { config, file, tensors: header.tensors, warnings: header.warnings };
  } finally {
    await source.close();
  }
}

async function openWeights(files: ModelFiles): Promise<ByteSource> {
  try {
    return await files.open(ADAPTER_WEIGHTS_FILE);
  } catch (error) {
    const found = foreignWeights(await files.list());
    if (isM2MergeError(error, 'file-missing') && found.length > 0)
      throw new M2MergeError('model-empty', { folder: placeOf(files), found }, { cause: error });
    return asMissing('weights of the adapter')(error);
  }
}

/** Says what a file that is not there would have been. */
function asMissing(purpose: string): (error: unknown) => never {
  return (error) => {
    if (!isM2MergeError(error, 'file-missing')) throw error;
    throw new M2MergeError('file-missing', { path: error.facts.path, purpose }, { cause: error });
  };
}
