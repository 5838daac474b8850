import { measureGeometry } from '../../measure.js';
import { parseRecipe } from '../../recipe/parse.js';
import { formatDifference } from '../../report/difference-text.js';
import { formatGeometryJson } from '../../report/geometry-json.js';
import { listenForSignals } from '../interruption.js';
import { streamOf, threadsOf } from '../options.js';
import { createTransferDisplay } from '../transfer.js';
import { printWarnings } from '../warnings.js';

export interface DiffCommandOptions {
  readonly threads?: number;
  readonly json?: boolean;
  readonly stream?: boolean;
  readonly spoolSize?: number;
}

/** Shows which tensors of two models differ and by how much. */
export async function diffCommand(first: string, second: string, options: DiffCommandOptions): Promise<void> {
  const models = [{ model: second, parameters: { weight: 1 } }];
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: first, models });
  const transfer = createTransferDisplay({ quiet: options.json ?? false, json: false });
  const interruption = listenForSignals();
  try {
    const result = await measureGeometry(parseRecipe(text, { file: 'command line' }), {
      threads: threadsOf(options),
      signal: interruption.signal,
      onPlan: ({ warnings }) => printWarnings(warnings),
      onWarnings: printWarnings,
      ...transfer,
      ...streamOf(options),
    });
    process.stdout.write(options.json ? formatGeometryJson(result) : `${formatDifference(result, [first, second])}\n`);
  } finally {
    transfer.stop();
    interruption.close();
  }
}
