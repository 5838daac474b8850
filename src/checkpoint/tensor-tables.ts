/**
 * Which tensor lies where, by the headers of weight files. Those of the experts of one base are the same byte for byte: they
 * are checked once and held once, which for models of many thousand tensors is most of what is held.
 */
import type { TensorLocation } from './checkpoint.js';
import type { SafetensorsHeader } from './header.js';

export type TensorTable = ReadonlyMap<string, TensorLocation>;

/** What identifies a header: its bytes by their hash, and the length of the file that it was checked against. */
export interface HeaderIdentity {
  readonly headerSha256: string;
  readonly byteLength: number;
}

export class TensorTables {
  readonly #headers = new Map<string, SafetensorsHeader>();
  readonly #tables = new Map<string, TensorTable>();

  /** The header, parsed unless an equal one has been. One with warnings, which name its file, is not kept. */
  header(identity: HeaderIdentity, parse: () => SafetensorsHeader): SafetensorsHeader {
    const key = keyOf(identity);
    const known = this.#headers.get(key);
    if (known !== undefined) return known;
    const header = parse();
    if (header.warnings.length === 0) this.#headers.set(key, header);
    return header;
  }

  /** The tensors of a model of these files, in this order; collected unless another model has equal ones. */
  table(files: readonly HeaderIdentity[], collect: () => TensorTable): TensorTable {
    const key = files.map(keyOf).join();
    const table = this.#tables.get(key) ?? collect();
    this.#tables.set(key, table);
    return table;
  }
}

function keyOf({ headerSha256, byteLength }: HeaderIdentity): string {
  return `${headerSha256} ${byteLength}`;
}
