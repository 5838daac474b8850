import { formatBytes } from '../../errors/byte-text.js';
import { pullModels } from '../../pull.js';
import { alignColumns, plural } from '../../report/format.js';
import { listenForSignals } from '../interruption.js';
import { createTransferDisplay } from '../transfer.js';
import { printWarnings } from '../warnings.js';

export interface PullCommandOptions {
  readonly all?: boolean;
  readonly verify?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Fetches models into the cache; where they are now on stdout. */
export async function pullCommand(models: readonly string[], options: PullCommandOptions): Promise<void> {
  const { json = false, quiet = false } = options;
  const interruption = listenForSignals(true);
  const display = createTransferDisplay({ quiet, json });
  try {
    const pulled = await pullModels(models, {
      all: options.all ?? false,
      verify: options.verify ?? false,
      signal: interruption.signal,
      ...display,
    });
    display.stop();
    if (json) {
      process.stdout.write(`${JSON.stringify({ event: 'done', models: pulled })}\n`);
      return;
    }
    printWarnings(pulled.flatMap(({ warnings }) => warnings));
    if (quiet) return;
    const rows = pulled.map(({ repo, commit, files, bytes, folder }) => [
      `${repo}@${commit.slice(0, 8)}`,
      plural(files, 'file'),
      formatBytes(bytes),
      folder,
    ]);
    process.stdout.write(`${alignColumns(rows, [1, 2]).join('\n')}\n`);
  } finally {
    display.stop();
    interruption.close();
  }
}
