/** Small text files of a model, read as a whole. */
import type { ModelFiles } from '../io/model-files.js';
import { decodeUtf8 } from './json-scanner.js';

/** Makes the error for a file that is too long, or no text. */
type Refuse = (detail: string) => Error;

/**
 * The text of a UTF-8 file of at most `maxBytes`. Throws what `refuse` makes, `file-missing`, `file-unreadable` and
 * `read-short`.
 */
export async function readTextFile(model: ModelFiles, name: string, maxBytes: number, refuse: Refuse): Promise<string> {
  return decodeText(await readSmallFile(model, name, maxBytes, refuse), refuse);
}

/** The bytes of a file of at most `maxBytes`. Throws what `refuse` makes, `file-missing`, `file-unreadable` and `read-short`. */
export async function readSmallFile(
  model: ModelFiles,
  name: string,
  maxBytes: number,
  refuse: Refuse,
): Promise<Uint8Array> {
  const source = await model.open(name);
  try {
    if (source.byteLength > maxBytes) throw refuse(`has ${source.byteLength} bytes, the limit is ${maxBytes}`);
    const bytes = new Uint8Array(source.byteLength);
    await source.read(0, bytes.byteLength, bytes);
    return bytes;
  } finally {
    await source.close();
  }
}

/** UTF-8 as text. */
export function decodeText(bytes: Uint8Array, refuse: Refuse): string {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw refuse('not valid UTF-8');
  return text;
}
