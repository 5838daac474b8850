/** Progress on stderr: a spinner on a terminal, a line now and then in a file, nothing when quiet. */
import type { Ora } from 'ora';
import { formatBytes } from '../errors/byte-text.js';
import { formatCount } from '../geometry/number-text.js';
import { formatSeconds } from '../report/format.js';
import type { Progress } from '../run/scheduler.js';
import { usesColour } from './terminal.js';

/** Time between two updates of a terminal, and between two lines when stderr is not one, milliseconds. */
const TERMINAL_INTERVAL = 100;
const LINE_INTERVAL = 10_000;

export interface Totals {
  readonly tensors: number;
  /** Bytes read and written by the whole run, as the plan estimates them. */
  readonly bytes: number;
}

/** Shows how far a run is, until `stop`. */
export interface ProgressDisplay {
  advance(progress: Progress): void;
  stop(): void;
}

/** Running totals and the sentence that tells them. */
export class ProgressMeter {
  readonly #totals: Totals;
  readonly #started = performance.now();
  bytes = 0;
  tensors = 0;

  constructor(totals: Totals) {
    this.#totals = totals;
  }

  add({ bytesRead, bytesWritten, tensorsDone }: Progress): void {
    this.bytes += bytesRead + bytesWritten;
    this.tensors += tensorsDone;
  }

  /** Share of the work done, 0 to 1. A rare further pass over the inputs must not show as more than all. */
  get share(): number {
    return this.#totals.bytes === 0 ? 1 : Math.min(1, this.bytes / this.#totals.bytes);
  }

  get bytesPerSecond(): number {
    return (this.bytes / (performance.now() - this.#started)) * 1000;
  }

  describe(): string {
    const { tensors, bytes } = this.#totals;
    const rate = this.bytesPerSecond;
    const remaining = rate > 0 ? formatSeconds(Math.max(0, bytes - this.bytes) / rate) : 'unknown';
    const percent = String(Math.floor(100 * this.share)).padStart(3);
    return `${percent} %  ${formatCount(this.tensors)}/${formatCount(tensors)} tensors  ${formatBytes(rate)}/s  ${remaining} left`;
  }
}

/** The display that fits where stderr goes; `doing` is the word in front of it. */
export async function createProgress(doing: string, totals: Totals, quiet: boolean): Promise<ProgressDisplay> {
  const meter = new ProgressMeter(totals);
  const status = await createStatus(doing, quiet);
  return {
    advance(progress) {
      meter.add(progress);
      status.update(() => meter.describe());
    },
    stop: () => status.stop(),
  };
}

/** One line that says what goes on, now and then. */
export interface StatusLine {
  /** Called often; the text is asked for when it is time to show it. */
  update(describe: () => string): void;
  stop(): void;
}

/** A status line that fits where stderr goes. Its text follows the word for what is done. */
export async function createStatus(doing: string, quiet: boolean): Promise<StatusLine> {
  if (quiet) return { update: () => {}, stop: () => {} };
  // Some terminals say they have no columns; a spinner never ends clearing lines there.
  if (process.stderr.isTTY !== true || process.stderr.columns === 0) {
    const show = (text: string): void => {
      process.stderr.write(`${doing} ${text}\n`);
    };
    return throttled(LINE_INTERVAL, { show, stop: () => {} });
  }
  const { default: ora } = await import('ora');
  const color = usesColour(process.stderr) ? 'cyan' : false;
  return createSpinner(doing, ora({ stream: process.stderr, discardStdin: false, color }));
}

/** Turns with the first progress, so that a run that fails before (or while `ora` loads) leaves none turning. */
function createSpinner(doing: string, spinner: Ora): StatusLine {
  return throttled(TERMINAL_INTERVAL, {
    show: (text) => {
      spinner.text = `${doing} ${text}`;
      if (!spinner.isSpinning) spinner.start();
    },
    stop: () => {
      spinner.stop();
    },
  });
}

function throttled(interval: number, sink: { show(text: string): void; stop(): void }): StatusLine {
  let last = performance.now();
  return {
    update(describe) {
      const now = performance.now();
      if (now - last < interval) return;
      last = now;
      sink.show(describe());
    },
    stop: sink.stop,
  };
}
