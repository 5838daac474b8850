/** Models that are large to read and small to keep: headers alone are written, and the weights are a hole of zeros. */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { encodeHeader } from '../support/safetensors.js';

/** bf16 tensors `layers.<i>.weight` of 2^20 elements each (2 MiB), in one file. */
export function writeSparseModel(folder: string, tensors: number): void {
  const bytes = 2 * 2 ** 20;
  const entries = Array.from({ length: tensors }, (_, i) => [
    `layers.${i}.weight`,
    { dtype: 'BF16', shape: [1024, 1024], data_offsets: [i * bytes, (i + 1) * bytes] },
  ]);
  const header = encodeHeader(JSON.stringify(Object.fromEntries(entries)));
  mkdirSync(folder, { recursive: true });
  const file = openSync(join(folder, 'model.safetensors'), 'wx');
  writeSync(file, header);
  ftruncateSync(file, header.length + tensors * bytes);
  closeSync(file);
}
