/** Options that commands share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_SHARD_BYTES } from '../plan/shard-size.js';
import { parseByteSize } from './byte-size.js';

export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum)
      throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
    if (value > Number.MAX_SAFE_INTEGER)
      throw new InvalidArgumentError(`Expected a whole number of at most ${Number.MAX_SAFE_INTEGER}.`);
    return value;
  };
}

export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export function named(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Expected a name.');
}

function byteSize(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw new InvalidArgumentError('Expected bytes such as 5GB, 500M or 4GiB.');
  return bytes;
}

/** Options of everything that plans. */
export function addPlanOptions(command: Command): Command {
  return command
    .option('--strict', 'refuse what is only warned of otherwise, as unknown keys')
    .option('--seed <n>', 'seed of random masks and stochastic rounding (overrides the recipe)', wholeNumber(0))
    .addOption(
      new Option('--out-shard-size <bytes>', 'largest weight file, as 500M, 5GB or 4GiB')
        .argParser(byteSize)
        .default(DEFAULT_SHARD_BYTES, '5GB'),
    )
    .option('--threads <n>', 'threads that work (default: all cores)', wholeNumber(1))
    .addOption(tileOption())
    .option('--json', 'print JSON for machines on stdout');
}

export const tileOption = (): Option =>
  new Option(
    '--tile <elements>',
    'elements read at once of each model, a multiple of 64; affects speed and memory only',
  ).argParser(wholeNumber(64));

/** Options of what reads the weights of models that may be on the Hub. */
export function addStreamOptions(command: Command): Command {
  return command
    .option('--stream', 'fetch from the Hub only what is read, when it is read, and store none of it')
    .addOption(
      new Option(
        '--spool-size <bytes>',
        'most bytes of disk that --stream takes beside the output (default: 4GB)',
      ).argParser(byteSize),
    );
}

/** Options of what merges one recipe, or would. */
export function addRecipeOptions(command: Command): Command {
  return addPlanOptions(command).option(
    '--intermediate-dir <folder>',
    'where the models of named documents of a recipe go',
  );
}

/** How a model is pushed. */
export function addPushOptions(command: Command): Command {
  return command
    .option('--private', 'make the repository private')
    .option('--branch <name>', 'branch to push to, made when it is missing (default: main)')
    .option('--create-pr', 'open a pull request instead of pushing to a branch');
}
