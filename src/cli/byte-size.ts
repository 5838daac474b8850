/** Sizes as people write them. */

const DECIMAL = { '': 1, k: 1e3, m: 1e6, g: 1e9, b: 1e9, t: 1e12 } as const;
const BINARY = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 } as const;

/** `5GB`, `500M`, `4GiB`, mergekit's `5B` (five billion bytes) or plain bytes; undefined for anything else or zero. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt])?(i)?(b)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, number, letter, binary, byte] = match;
  const prefix = letter?.toLowerCase();
  let unit: number | undefined;
  if (binary !== undefined) unit = prefix === undefined ? undefined : BINARY[prefix as keyof typeof BINARY];
  else unit = DECIMAL[(prefix ?? (byte === undefined ? '' : 'b')) as keyof typeof DECIMAL];
  const bytes = unit === undefined ? 0 : Math.round(Number(number) * unit);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}
