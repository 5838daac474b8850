/** Small text files of a model, read as a whole. */
import type { ModelFiles } from '../io/model-files.js';
import { decodeUtf8 } from './json-scanner.js';

/**
 * The text of a UTF-8 file of at most `maxBytes`; `refuse` makes the error for one that is longer or no text. Throws
 * `file-missing`, `file-unreadable` and `read-short`.
 */
export async function readTextFile(
  model: ModelFiles,
  name: string,
  maxBytes: number,
  refuse: (detail: string) => Error,
): Promise<string> {
  const source = await model.open(name);
  try {
    if (source.byteLength > maxBytes) throw refuse(`has ${source.byteLength} bytes, the limit is ${maxBytes}`);
    const bytes = new Uint8Array(source.byteLength);
    await source.read(0, bytes.byteLength, bytes);
    const text = decodeUtf8(bytes);
    if (text === undefined) throw refuse('not valid UTF-8');
    return text;
  } finally {
    await source.close();
  }
}
