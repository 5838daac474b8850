/** Memory that variants of a visit have in common, found by what they have in common. */
import { isDeepStrictEqual } from 'node:util';
import type { SharedMemory } from '../../kernels/unit.js';
import type { UnitPart } from './task.js';

interface Entry {
  readonly common: object;
  readonly memory: { readonly slot: number; variants: number };
}

/** One visit's shared memory. */
export class SharedMemories {
  readonly #entries: Entry[] = [];

  clear(): void {
    this.#entries.length = 0;
  }

  /** The memory of all parts that use the same method and are the same but for those settings; `take` makes it. */
  share(method: string, part: UnitPart, apartFrom: readonly string[], take: () => number): SharedMemory {
    const { merge, operands, statistics } = part;
    const settings = Object.entries(merge.settings).filter(([name]) => !apartFrom.includes(name));
    const common = { method, apartFrom, operands, statistics, merge: { ...merge, settings } };
    const known = this.#entries.find((entry) => isDeepStrictEqual(entry.common, common));
    const memory = known?.memory ?? { slot: take(), variants: 0 };
    if (known === undefined) this.#entries.push({ common, memory });
    memory.variants += 1;
    return {
      slot: memory.slot,
      isFirst: known === undefined,
      get variants() {
        return memory.variants;
      },
    };
  }
}
