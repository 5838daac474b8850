import { COMMAND_LINE, M2MergeError } from '../../errors.js';
import { parseRecipe } from '../../recipe/parse.js';
import { formatDifference } from '../../report/difference-text.js';
import { geometryJsonPieces } from '../../report/geometry-json.js';
import { measureShown } from '../measuring.js';
import { streamOf, threadsOf } from '../options.js';
import { terminalWidth } from '../terminal.js';

export interface DiffCommandOptions {
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly stream?: boolean;
  readonly spoolSize?: number;
}

/** Shows which tensors of two models differ and by how much. */
export async function diffCommand(first: string, second: string, options: DiffCommandOptions): Promise<void> {
  // The recipe would say that its only model is its base.
  if (first === second) throw new M2MergeError('usage', { message: `both models are ${first}: nothing to compare` });
  const models = [{ model: second, parameters: { weight: 1 } }];
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: first, models });
  const result = await measureShown(parseRecipe(text, { file: COMMAND_LINE }), {
    threads: threadsOf(options),
    ...streamOf(options),
    quiet: options.json === true || options.quiet === true,
  });
  if (options.json) for (const piece of geometryJsonPieces(result)) process.stdout.write(piece);
  else process.stdout.write(`${formatDifference(result, [first, second], terminalWidth())}\n`);
}
