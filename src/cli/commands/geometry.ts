import { join, resolve } from 'node:path';
import { COMMAND_LINE, M2MergeError } from '../../errors.js';
import { formatCount } from '../../geometry/number-text.js';
import { PROJECTION_DIMENSIONS } from '../../geometry/projection.js';
import type { GeometryResult } from '../../geometry/result.js';
import { spectralWork } from '../../measure.js';
import type { PreparedMerge } from '../../plan/plan.js';
import { loadRecipe } from '../../recipe/load.js';
import { parseRecipe } from '../../recipe/parse.js';
import type { Recipe } from '../../recipe/recipe.js';
import { formatSeconds, plural } from '../../report/format.js';
import { geometryJsonPieces } from '../../report/geometry-json.js';
import { formatGeometryTerminal } from '../../report/geometry-terminal.js';
import { REPORT_PAGE } from '../../report/report-page.js';
import { measureShown } from '../measuring.js';
import { streamOf, threadsOf, tileOf } from '../options.js';
import { fromHere } from '../paths.js';
import { checkReportFolder, writeReportFolder } from '../report-folder.js';
import { terminalWidth, usesColour } from '../terminal.js';

export interface GeometryCommandOptions {
  readonly base?: string;
  readonly out?: string;
  /** True when given without a number. */
  readonly projection?: number | true;
  readonly spectral?: boolean;
  readonly threads?: number;
  readonly tile?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly stream?: boolean;
  readonly spoolSize?: number;
}

/** Measures experts against their base; a summary (or the JSON) on stdout, the full report in `--out`. */
export async function geometryCommand(inputs: readonly string[], options: GeometryCommandOptions): Promise<void> {
  const recipe = await recipeFor(inputs, options.base);
  if (options.out !== undefined) await checkReportFolder(resolve(options.out));
  const result = await measure(recipe, options);
  if (options.json) for (const piece of geometryJsonPieces(result)) process.stdout.write(piece);
  else if (!options.quiet) {
    process.stdout.write(`${formatGeometryTerminal(result, usesColour(), terminalWidth())}\n`);
    if (options.out !== undefined)
      process.stdout.write(`\nreport: ${fromHere(join(resolve(options.out), REPORT_PAGE))}\n`);
  }
}

/** One recipe, or with a base the experts themselves. */
async function recipeFor(inputs: readonly string[], base: string | undefined): Promise<Recipe> {
  if (base !== undefined) {
    const models = inputs.map((model) => ({ model, parameters: { weight: 1 } }));
    const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: base, models });
    return parseRecipe(text, { file: COMMAND_LINE });
  }
  if (inputs.length === 1) return loadRecipe(inputs[0]!);
  throw new M2MergeError('usage', {
    message: 'give one recipe, or experts with --base',
    hint: 'm2merge geometry --base ./sft ./math ./code',
  });
}

function measure(recipe: Recipe, options: GeometryCommandOptions): Promise<GeometryResult> {
  return measureShown(recipe, {
    projection: options.projection === true ? PROJECTION_DIMENSIONS : options.projection,
    spectral: options.spectral,
    threads: options.threads,
    tileElements: tileOf(options),
    ...streamOf(options),
    quiet: options.quiet === true || options.json === true,
    keep: async (result, signal) => {
      if (options.out !== undefined) await writeReportFolder(resolve(options.out), result, signal);
    },
    passesOf: (prepared) => (options.spectral ? 1 + stateSpectralCost(prepared, threadsOf(options)) : 1),
  });
}

/** What one thread of a recent machine does in a second, for an estimate (measured: 9.4e9). */
const OPERATIONS_PER_SECOND = 9e9;

/** Says on stderr, before the first weight is read, what spectra will cost; returns how many passes they take. */
function stateSpectralCost(prepared: PreparedMerge, threads: number): number {
  const { matrices, passes, operations } = spectralWork(prepared);
  const seconds = operations / OPERATIONS_PER_SECOND / threads;
  process.stderr.write(
    `spectra of ${formatCount(matrices)} matri${matrices === 1 ? 'x' : 'ces'}: ${passes} more passes, ${(operations / 1e12).toPrecision(2)} Tflop, ` +
      `about ${formatSeconds(seconds)} on ${plural(threads, 'thread')}\n`,
  );
  return passes;
}
