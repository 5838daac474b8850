import type { Checkpoint } from '../../checkpoint/checkpoint.js';
import { compareStructure, type StructuralDifference } from '../../checkpoint/structural-difference.js';
import { COMMAND_LINE, M2MergeError } from '../../errors.js';
import type { GeometryResult } from '../../geometry/result.js';
import { parseRecipe } from '../../recipe/parse.js';
import { type DifferenceResult, structureFields } from '../../report/difference-json.js';
import { formatDifference } from '../../report/difference-text.js';
import { geometryJsonPieces } from '../../report/geometry-json.js';
import { type WarningKind, warning } from '../../warnings.js';
import { measureShown } from '../measuring.js';
import { streamOf } from '../options.js';
import { terminalWidth } from '../terminal.js';
import { printWarnings } from '../warnings.js';

export interface DiffCommandOptions {
  readonly threads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly stream?: boolean;
  readonly spoolSize?: number;
}

/** Of these, the text speaks without calling one of the two a base. */
const TOLD: ReadonlySet<string> = new Set<WarningKind>(['extra-tensor', 'report-partial', 'rows-cut']);

/** Shows which tensors of two models differ and by how much. */
export async function diffCommand(first: string, second: string, options: DiffCommandOptions): Promise<void> {
  // The recipe would say that its only model is its base.
  if (first === second) throw new M2MergeError('usage', { message: `both models are ${first}: nothing to compare` });
  const models = [{ model: second, parameters: { weight: 1 } }];
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: first, models });
  const asJson = options.json === true;
  let checkpoints: readonly [Checkpoint, Checkpoint] | undefined;
  const result = await measureShown(parseRecipe(text, { file: COMMAND_LINE }), {
    threads: options.threads,
    ...streamOf(options),
    quiet: asJson || options.quiet === true,
    onlyCommon: true,
    onInputs({ base, models: [expert] }) {
      checkpoints = [base!.checkpoint, expert!.checkpoint];
    },
    isTold: ({ kind }) => !asJson && TOLD.has(kind),
  });
  const structure = await compareStructure(...checkpoints!);
  if (asJson) for (const piece of geometryJsonPieces(asJsonResult(result, structure))) process.stdout.write(piece);
  else process.stdout.write(`${formatDifference(result, structure, [first, second], terminalWidth())}\n`);
}

/** The result with what sets the models apart beside numbers, and what only one has as where a merge leaves it out. */
function asJsonResult(result: GeometryResult, structure: StructuralDifference): DifferenceResult {
  const { onlyInFirst, onlyInSecond } = structure;
  const isLeftOut = (name: string): boolean => result.tensors[name] === undefined;
  const lacking = onlyInFirst.filter(isLeftOut);
  const [tensor, ...others] = onlyInSecond.filter(isLeftOut);
  const model = result.experts[0]!;
  if (tensor !== undefined) printWarnings([warning('extra-tensor', { model, tensor, count: 1 + others.length })]);
  const told = { ...result, structure: structureFields(structure) };
  if (lacking.length === 0) return told;
  return { ...told, left_out: { ...result.left_out, ...Object.fromEntries(lacking.map((name) => [name, [model]])) } };
}
