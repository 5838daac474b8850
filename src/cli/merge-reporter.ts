/** What the command line says about a merge while it runs and when it is done. */
import { join } from 'node:path';
import { formatBytes } from '../errors/byte-text.js';
import { formatCount } from '../geometry/number-text.js';
import type { MergeResult } from '../merge.js';
import type { PreparedMerge } from '../plan/plan.js';
import { alignColumns, describeOperands, formatSeconds, plural } from '../report/format.js';
import { REPORT_PAGE } from '../report/report-page.js';
import { printable } from '../report/text-layout.js';
import type { Progress } from '../run/scheduler.js';
import { describeWarning, type Warning } from '../warnings.js';
import { fromHere } from './paths.js';
import { createProgress, type ProgressDisplay } from './progress.js';
import { terminalWidth, usesColour } from './terminal.js';
import { printWarnings } from './warnings.js';

/** Milliseconds between two progress events of `--json`. */
const EVENT_INTERVAL = 500;

/** Tells people or machines about a merge. */
export interface Reporter {
  planned(prepared: PreparedMerge, output: string): void;
  progress(progress: Progress): void;
  finished(result: MergeResult): Promise<void> | void;
  close(): void;
}

/** Text: warnings and progress on stderr, a summary on stdout. */
export function createText(quiet: boolean): Reporter {
  let display: ProgressDisplay | undefined;
  let shown: readonly Warning[] = [];
  return {
    planned({ plan, costs, warnings }) {
      shown = warnings;
      printWarnings(warnings);
      const totals = { tensors: plan.jobs.length, bytes: costs.bytesRead + costs.bytesWritten };
      void createProgress('merging', totals, quiet).then((created) => {
        display = created;
      });
    },
    progress: (progress) => display?.advance(progress),
    async finished(result) {
      display?.stop();
      printWarnings(result.warnings.filter((warning) => !shown.includes(warning)));
      if (quiet) return;
      process.stdout.write(`${summarize(result)}\n`);
      if (result.report === undefined) return;
      const { formatGeometryTerminal } = await import('../report/geometry-terminal.js');
      process.stdout.write(`
${formatGeometryTerminal(result.report, usesColour(), terminalWidth())}
`);
    },
    close: () => display?.stop(),
  };
}

/** What was done, in a few aligned lines. */
function summarize({ plan, costs, output, seconds, report }: MergeResult): string {
  const dtypes = [...new Set(plan.jobs.map((job) => (job.kind === 'copy' ? job.dtype : job.outputDtype)))].join(', ');
  const moved = costs.bytesRead + costs.bytesWritten;
  return alignColumns([
    ['merged', `${describeOperands(plan.inputs)} with ${plan.method} (preset ${plan.preset})`],
    [
      'wrote',
      `${plural(plan.jobs.length, 'tensor')}, ${formatCount(costs.parameters)} parameters, ${dtypes}, ${formatBytes(costs.bytesWritten)}`,
    ],
    ['took', `${formatSeconds(seconds)}, ${formatBytes(moved / seconds)}/s read and written`],
    ['model', printable(fromHere(output))],
    ...(report === undefined ? [] : [['report', printable(fromHere(join(output, REPORT_PAGE)))]]),
  ]).join('\n');
}

/** JSON events, one a line, on stdout. */
export function createEvents(): Reporter {
  const emit = (event: string, facts: object): void => {
    process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);
  };
  const describe = (warning: Warning): object => ({ ...warning, message: describeWarning(warning) });
  let done = { bytesRead: 0, bytesWritten: 0, tensorsDone: 0 };
  let last = 0;
  return {
    planned({ plan, costs, planHash, warnings }, output) {
      emit('plan', { planHash, method: plan.method, tensors: plan.jobs.length, ...costs, output });
      for (const warning of warnings) emit('warning', describe(warning));
    },
    progress({ bytesRead, bytesWritten, tensorsDone }) {
      done = {
        bytesRead: done.bytesRead + bytesRead,
        bytesWritten: done.bytesWritten + bytesWritten,
        tensorsDone: done.tensorsDone + tensorsDone,
      };
      const now = performance.now();
      if (now - last < EVENT_INTERVAL) return;
      last = now;
      // What a unit reads of some inputs is a share of theirs.
      emit('progress', { ...done, bytesRead: Math.round(done.bytesRead), bytesWritten: Math.round(done.bytesWritten) });
    },
    finished({ output, seconds, warnings, plan, costs, report }) {
      emit('done', {
        output,
        seconds,
        tensors: plan.jobs.length,
        ...costs,
        warnings: warnings.map(describe),
        findings: report?.findings,
      });
    },
    close: () => {},
  };
}
