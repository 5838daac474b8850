/** How far the merges of a wave are: one line for all of them, since they run together. */
import type { PreparedMerge } from '../plan/plan.js';
import type { Progress } from '../run/scheduler.js';
import { createStatus, ProgressMeter, type StatusLine } from './progress.js';

export interface WaveProgress {
  /** A wave begins. */
  begin(): void;
  /** One of its merges is planned. */
  planned(prepared: PreparedMerge): void;
  advance(progress: Progress): void;
  stop(): void;
}

/** `writes`: whether the merges write models, or are only looked at. */
export function createWaveProgress(writes: boolean): WaveProgress {
  let totals = { tensors: 0, read: 0, written: 0 };
  let meter: ProgressMeter | undefined;
  let status: StatusLine | undefined;
  const stop = (): void => {
    status?.stop();
    status = undefined;
    meter = undefined;
  };
  const start = (): ProgressMeter => {
    const started = new ProgressMeter({ tensors: totals.tensors, bytes: totals.read + totals.written });
    void createStatus('merging', false).then((line) => {
      if (meter === started) status = line;
      else line.stop();
    });
    return started;
  };
  return {
    begin() {
      stop();
      totals = { tensors: 0, read: 0, written: 0 };
    },
    planned({ plan, costs }) {
      totals = {
        tensors: totals.tensors + plan.jobs.length,
        // What merges read they share.
        read: Math.max(totals.read, costs.bytesRead),
        written: totals.written + (writes ? costs.bytesWritten : 0),
      };
    },
    advance(progress) {
      meter ??= start();
      const current = meter;
      current.add(progress);
      status?.update(() => current.describe());
    },
    stop,
  };
}
