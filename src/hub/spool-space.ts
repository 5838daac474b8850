/** The room of a spool: which bytes of its file are free. First fit, so that few bytes are used again and again. */
export class SpoolSpace {
  readonly #free: { begin: number; end: number }[];

  constructor(capacity: number) {
    this.#free = [{ begin: 0, end: capacity }];
  }

  /** The begin of `length` free bytes, now taken; undefined when no gap is large enough. */
  take(length: number): number | undefined {
    const index = this.#free.findIndex(({ begin, end }) => end - begin >= length);
    const gap = this.#free[index];
    if (gap === undefined) return undefined;
    const { begin } = gap;
    gap.begin += length;
    if (gap.begin === gap.end) this.#free.splice(index, 1);
    return begin;
  }

  /** Gives back what was taken. */
  give(begin: number, length: number): void {
    const index = this.#free.findIndex((gap) => gap.begin > begin);
    const at = index < 0 ? this.#free.length : index;
    this.#free.splice(at, 0, { begin, end: begin + length });
    for (const i of [at, at - 1]) {
      const [gap, next] = [this.#free[i], this.#free[i + 1]];
      if (gap === undefined || next === undefined || gap.end !== next.begin) continue;
      gap.end = next.end;
      this.#free.splice(i + 1, 1);
    }
  }
}
