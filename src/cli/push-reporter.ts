/** What the command line says about a push while it runs and when it is done. */

import { formatBytes } from '../errors/byte-text.js';
import type { PushProgress, PushResult } from '../hub/push.js';
import { alignColumns, plural } from '../report/format.js';
import { createStatus, type StatusLine } from './progress.js';

/** Milliseconds between two progress events of `--json`. */
const EVENT_INTERVAL = 500;

export interface PushReporter {
  progress(progress: PushProgress): void;
  waiting(milliseconds: number, reason: string): void;
  finished(result: PushResult): void;
  close(): void;
}

/** How far a push is, in words and numbers. */
class PushMeter {
  readonly #started = performance.now();
  bytes = 0;
  bytesSent = 0;
  #hashing: string | undefined;

  add(progress: PushProgress): void {
    if (progress.phase === 'start') this.bytes = progress.bytes;
    else if (progress.phase === 'sent') {
      this.bytesSent += progress.bytes;
      this.#hashing = undefined;
    } else if (progress.phase === 'hashed') {
      this.#hashing = `hashing ${progress.file}, ${Math.floor(100 * progress.share)} %`;
    }
  }

  describe(): string {
    if (this.#hashing !== undefined) return this.#hashing;
    const rate = (this.bytesSent / (performance.now() - this.#started)) * 1000;
    return `${formatBytes(this.bytesSent)} of at most ${formatBytes(this.bytes)} sent, ${formatBytes(rate)}/s`;
  }
}

/** Text: progress on stderr, a summary on stdout. */
export function createPushText(quiet: boolean): PushReporter {
  const meter = new PushMeter();
  let status: StatusLine | undefined;
  void createStatus('pushing', quiet).then((created) => {
    status = created;
  });
  return {
    progress(progress) {
      meter.add(progress);
      status?.update(() => meter.describe());
    },
    waiting(milliseconds, reason) {
      if (!quiet) process.stderr.write(`waiting ${(milliseconds / 1000).toFixed(1)} s: ${reason}\n`);
    },
    finished(result) {
      status?.stop();
      if (!quiet) process.stdout.write(`${summarize(result)}\n`);
    },
    close: () => status?.stop(),
  };
}

function summarize({ repo, commit, url, files, bytes, bytesSent, removed, created, pullRequest }: PushResult): string {
  return alignColumns([
    [
      'pushed',
      `${plural(files, 'file')}, ${formatBytes(bytes)}, of which ${formatBytes(bytesSent)} of large files were sent`,
    ],
    ['to', `${repo}${created ? ' (new)' : ''}, commit ${commit.slice(0, 8)}`],
    ...(removed.length === 0 ? [] : [['removed', removed.join(', ')]]),
    [pullRequest === undefined ? 'see' : 'request', url],
  ]).join('\n');
}

/** JSON events, one a line, on stdout. */
export function createPushEvents(): PushReporter {
  const meter = new PushMeter();
  let last = 0;
  const emit = (event: string, facts: object): void => {
    process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);
  };
  return {
    progress(progress) {
      meter.add(progress);
      const now = performance.now();
      if (now - last < EVENT_INTERVAL) return;
      last = now;
      emit('pushing', { bytes: meter.bytes, bytesSent: meter.bytesSent });
    },
    waiting: (milliseconds, reason) => emit('waiting', { milliseconds, reason }),
    finished: (result) => emit('pushed', result),
    close: () => {},
  };
}
