/** What the command line says while files come from the Hub: on stderr for people, as events for machines. */
import type { Ora } from 'ora';
import { formatBytes } from '../errors/byte-text.js';
import type { HubOptions } from '../plan/hub-inputs.js';
import type { ObtainOptions, TransferProgress } from '../plan/obtain.js';
import { formatSeconds } from '../report/format.js';
import { collectForTransfers } from './garbage.js';

/** Time between two updates of a terminal, and between two lines or events, milliseconds. */
const TERMINAL_INTERVAL = 100;
const LINE_INTERVAL = 10_000;
const EVENT_INTERVAL = 500;

/** Waits shorter than this are not worth a line, milliseconds. */
const SHORT_WAIT = 5000;

/** Hooks for whatever fetches, and the end of the display. */
export interface TransferDisplay extends Required<Pick<ObtainOptions, 'onTransfer' | 'onLocked'>> {
  readonly hub: HubOptions;
  stop(): void;
}

export function createTransferDisplay({ quiet, json }: { quiet: boolean; json: boolean }): TransferDisplay {
  const started = performance.now();
  let bytes = 0;
  let last = started;
  let spinner: Ora | undefined;
  let stopped = false;
  const terminal = !quiet && !json && process.stderr.isTTY === true && process.stderr.columns !== 0;
  if (terminal) {
    void import('ora').then(({ default: ora }) => {
      if (!stopped) spinner = ora({ stream: process.stderr, discardStdin: false });
    });
  }
  const say = (text: string): void => {
    if (quiet || json) return;
    if (spinner === undefined) process.stderr.write(`${text}\n`);
    else {
      spinner.text = text;
      if (!spinner.isSpinning) spinner.start();
    }
  };
  const interval = json ? EVENT_INTERVAL : terminal ? TERMINAL_INTERVAL : LINE_INTERVAL;
  return {
    hub: {
      onConnect: collectForTransfers,
      onWait(milliseconds, reason) {
        if (milliseconds >= SHORT_WAIT) say(`waiting ${formatSeconds(milliseconds / 1000)}: ${reason}`);
      },
    },
    onTransfer(progress) {
      bytes += progress.bytes;
      const now = performance.now();
      if (now - last < interval) return;
      last = now;
      if (json) process.stdout.write(`${JSON.stringify({ event: 'transfer', ...progress, bytes })}\n`);
      else say(describe(progress, bytes, (now - started) / 1000));
    },
    onLocked: (repo) => say(`waiting for another process that fetches ${repo}`),
    stop() {
      stopped = true;
      spinner?.stop();
    },
  };
}

function describe({ activity, totalBytes }: TransferProgress, bytes: number, seconds: number): string {
  const rate = bytes / seconds;
  const percent = Math.floor((100 * Math.min(bytes, totalBytes)) / Math.max(1, totalBytes));
  const left = formatSeconds(Math.max(0, totalBytes - bytes) / rate);
  const verb = activity === 'fetch' ? 'fetching' : 'checking the cache';
  return `${verb} ${percent} %  ${formatBytes(bytes)} of ${formatBytes(totalBytes)}  ${formatBytes(rate)}/s  ${left} left`;
}
