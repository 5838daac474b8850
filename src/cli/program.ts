/** The command line: parses arguments and hands over; everything heavy is imported by the command that needs it. */
import { Command, CommanderError, Option } from 'commander';
import { EXIT_CODES, M2MergeError } from '../errors.js';
import { VERSION } from '../version.js';
import { compileLate } from './compilation.js';
import { reportFailure } from './failure.js';
import { collectForPlans } from './garbage.js';
import {
  addPlanOptions,
  addPushOptions,
  addRecipeOptions,
  addStreamOptions,
  collect,
  named,
  tileOption,
  wholeNumber,
} from './shared-options.js';

const EXAMPLES = `
Examples:
  $ m2merge recipe.yaml                 merge into the recipe's output, else ./merged/recipe
  $ m2merge recipe.yaml ./my-model      merge into ./my-model
  $ m2merge plan recipe.yaml            check everything and show what would be done
  $ m2merge recipe.yaml --json | jq .   one JSON event a line
  $ m2merge geometry recipe.yaml --out report   weight-space geometry of the experts, no merge
  $ m2merge diff ./sft ./math           which tensors differ, and by how much
  $ m2merge sweep recipe.yaml --set lambda=0.3,0.6,1.0 --evaluate "node eval.mjs {model}"
  $ m2merge methods ties                what a method computes, its parameters, how implementations differ
  $ m2merge recipe.yaml --push org/merged --private   merge, then push to the Hub
  $ m2merge push ./my-model org/merged  push a model folder; repeat it to resume
  $ m2merge pull org/model org/other@v2 fetch models from the Hub into the cache
  $ m2merge recipe.yaml --stream        merge models on the Hub without storing them
  $ m2merge schema > recipe.schema.json for completion in an editor

Exit codes: 0 done, 2 wrong usage, 3 wrong recipe, 4 wrong input model, 5 output cannot be written
or pushed, 6 the network failed, 7 no evaluation of a sweep gave a number,
8 not enough memory, 130 interrupted, 1 a defect of m2merge.`;

const PUSH_EXAMPLES = `
Examples:
  $ m2merge push ./merged org/merged --private
  $ m2merge push ./merged org/merged --branch ties-0.2
  $ m2merge push ./merged org/merged --create-pr

The token is that of HF_TOKEN, or of "hf auth login"; it goes to the Hub's host (HF_ENDPOINT) only.`;

const namesOf = ({ commands }: Command): string[] => commands.map((command) => command.name());

const SEE_HELP = 'see m2merge --help';

const wantsJson = (): boolean => process.argv.includes('--json');

function buildProgram(): Command {
  const program = new Command('m2merge')
    .description('Merge LLM checkpoints: one recipe, some models, one model out.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError(`(${SEE_HELP})`)
    // Machines are told of wrong usage on stdout, as of any failure.
    .configureOutput(wantsJson() ? { writeErr: () => {} } : {})
    .enablePositionalOptions()
    .exitOverride()
    // Threads ask for it too, and would fail in words of their own.
    .hook('preAction', () => void process.cwd());
  for (const add of COMMANDS) add(program);
  return program;
}

function addMerge(program: Command): void {
  addStreamOptions(addPushOptions(addRecipeOptions(program)))
    .argument('<recipe>', 'recipe, a YAML file in mergekit’s language')
    .argument('[output]', 'output folder (default: the recipe’s output, else ./merged/<recipe name>)')
    .addOption(
      new Option('--plan', 'only show what would be done, as `m2merge plan`').conflicts([
        'push',
        'private',
        'branch',
        'createPr',
        'sha256',
      ]),
    )
    .option('--overwrite', 'replace an existing model')
    .option('--sha256', 'add the sha256 of every weight file to the manifest')
    .option('--report', 'write geometry and merge accounting beside the model')
    .option('--no-report', 'write none, whatever the recipe says')
    .option('--push <repo>', 'push the merged model to a repository on the Hub, as org/name')
    .option('--quiet', 'print nothing but warnings and errors')
    .addOption(new Option('--kernels <name>', 'arithmetic to use').choices(['simd', 'reference']).default('simd'))
    .action(async (recipe, output, options) => {
      try {
        if (options.plan) await (await import('./commands/plan.js')).planCommand(recipe, output, options);
        else await (await import('./commands/merge.js')).mergeCommand(recipe, output, options);
      } catch (error) {
        throw await (await import('./mistaken-command.js')).withCommandMeant(error, recipe, namesOf(program));
      }
    });
}

function addPlan(program: Command): void {
  addStreamOptions(
    addRecipeOptions(
      program
        .command('plan')
        .description('read headers only and show what a merge would do and cost')
        .argument('<recipe>', 'recipe, a YAML file')
        .argument('[output]', 'output folder'),
    ),
  ).action(async (recipe, output, options) =>
    (await import('./commands/plan.js')).planCommand(recipe, output, options),
  );
}

function addGeometry(program: Command): void {
  addStreamOptions(program.command('geometry'))
    .description('measure how the experts of a recipe differ from their base and from each other')
    .argument('<inputs...>', 'a recipe, or experts when --base is given')
    .option('--base <model>', 'the model the experts were trained from')
    .option('--out <folder>', 'write geometry.json, geometry.md and geometry.html')
    .option(
      '--projection [dimensions]',
      'also the cosines of a random projection, as M2RL takes them (256 dimensions), with their standard error',
      wholeNumber(1),
    )
    .option('--spectral', 'also spectra of all matrices: ranks, shifts, angles, heads and tails; slow, states its cost')
    .option('--threads <n>', 'threads that work (default: all cores)', wholeNumber(1))
    .addOption(tileOption())
    .option('--json', 'print the JSON on stdout')
    .option('--quiet', 'print nothing but warnings and errors')
    .action(async (inputs, options) => (await import('./commands/geometry.js')).geometryCommand(inputs, options));
}

function addDiff(program: Command): void {
  addStreamOptions(program.command('diff'))
    .description('show which tensors of two models differ, and by how much')
    .argument('<first>', 'a model: a folder, or a name on the Hub')
    .argument('<second>', 'another')
    .option('--threads <n>', 'threads that work (default: all cores)', wholeNumber(1))
    .option('--json', 'print the geometry as JSON on stdout')
    .option('--quiet', 'show no progress')
    .action(async (first, second, options) => (await import('./commands/diff.js')).diffCommand(first, second, options));
}

function addSweep(program: Command): void {
  addStreamOptions(
    addPlanOptions(
      program
        .command('sweep')
        .description('merge many variants of a recipe with one read of the models, evaluate them, and compare')
        .argument('<recipe>', 'recipe, a YAML file, usually with a section "sweep"')
        .argument('[folder]', 'folder of the models and results (default: ./merged/<recipe name>)'),
    ),
  )
    .addOption(
      new Option('--set <setting=values>', 'values to try, as lambda=0.3,0.6 or models.code.weight=1,2 (repeatable)')
        .argParser(collect)
        .default([], 'those of the recipe'),
    )
    .option('--evaluate <command>', 'how to judge a model, as "node eval.mjs {model}"; prints JSON with numbers')
    .option('--maximize <metric>', 'the number that decides (default: that of the recipe, else the mean of all)', named)
    .addOption(new Option('--keep <which>', 'models that stay after the evaluation').choices(['all', 'best', 'none']))
    .addOption(new Option('--plan', 'only show the variants and what they cost').conflicts(['askTell', 'best']))
    .addOption(
      new Option(
        '--ask-tell',
        'take settings from stdin and tell how they did, line by line as JSON, for an optimiser',
      ).conflicts('best'),
    )
    .addOption(
      new Option('--best', 'merge the best variant of a sweep that has run into <folder>/best').conflicts([
        'keep',
        'retry',
        'set',
      ]),
    )
    .option('--retry', 'evaluate again what failed, lacks the number that decides, or was judged by another command')
    .option('--overwrite', 'replace existing models')
    .option('--quiet', 'print nothing but warnings and errors')
    .addOption(new Option('--kernels <name>', 'arithmetic to use').choices(['simd', 'reference']).default('simd'))
    .action(async (recipe, folder, options) =>
      (await import('./commands/sweep.js')).sweepCommand(recipe, folder, options),
    );
}

function addMethods(program: Command): void {
  program
    .command('methods')
    .description('list the merge methods with their parameters, or explain one')
    .argument('[name]', 'a merge method')
    .option('--json', 'print JSON')
    .action(async (name, options) => (await import('./commands/methods.js')).methodsCommand(name, options));
}

function addPush(program: Command): void {
  addPushOptions(
    program
      .command('push')
      .description('push a model folder to the Hub as one commit; repeat it to resume')
      .argument('<folder>', 'a model folder')
      .argument('<repo>', 'repository, as org/name; made when it is missing'),
  )
    .option('--message <text>', 'title of the commit')
    .option('--json', 'print JSON events on stdout')
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', PUSH_EXAMPLES)
    .action(async (folder, repo, options) => (await import('./commands/push.js')).pushCommand(folder, repo, options));
}

function addPull(program: Command): void {
  program
    .command('pull')
    .description('fetch models from the Hugging Face Hub into the cache that Python shares')
    .argument('<models...>', 'models, as org/name, org/name@revision or hf://org/name')
    .option('--all', 'every file of a repository, not only what a merge reads')
    .option('--verify', 'hash also what was checked before')
    .option('--json', 'print JSON for machines on stdout')
    .option('--quiet', 'print nothing but warnings and errors')
    .action(async (models, options) => (await import('./commands/pull.js')).pullCommand(models, options));
}

function addSchema(program: Command): void {
  program
    .command('schema')
    .description('print the JSON Schema (draft-07) of recipes')
    .action(async () => (await import('./commands/schema.js')).schemaCommand());
}

function addHelp(program: Command): void {
  program
    .command('help')
    .description('show help, of a command if one is named')
    .argument('[command]')
    .action((name?: string) => showHelp(program, name));
}

/** In the order in which help lists them. */
const COMMANDS = [addMerge, addPlan, addGeometry, addDiff, addSweep, addMethods, addPush, addPull, addSchema, addHelp];

function showHelp(program: Command, name: string | undefined): void {
  const named = name === undefined ? program : program.commands.find((command) => command.name() === name);
  if (named === undefined) program.error(`error: unknown command '${name}'`);
  else named.outputHelp();
}

/**
 * Milliseconds after which a run counts as long: by then what it needs of Node is loaded, and its first worker is there. Where a
 * setting of V8 has changed, Node compiles its own modules anew instead of taking them from its cache: 15 ms, and 35 for each
 * worker.
 */
const LONG_RUN_MS = 300;

function adjustForLongRun(): void {
  collectForPlans();
  compileLate();
}

/** Runs the command that the arguments name; never throws, but sets the exit code. */
export async function runProgram(): Promise<void> {
  setTimeout(adjustForLongRun, LONG_RUN_MS).unref();
  try {
    await buildProgram().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = endOfParsing(error);
    else process.exitCode = reportFailure(isWithoutFolder(error) ? folderGone() : error, wantsJson());
  }
}

/** Whether the working folder was removed under the process. */
const isWithoutFolder = (error: unknown): boolean => (error as NodeJS.ErrnoException | undefined)?.syscall === 'uv_cwd';

const folderGone = (): M2MergeError<'usage'> =>
  new M2MergeError('usage', { message: 'the working folder is gone', hint: 'change to one that is there' });

/** The exit code after help, the version, or wrong usage, which the parser has told people of. */
function endOfParsing({ exitCode, message }: CommanderError): number {
  if (exitCode === 0) return EXIT_CODES.ok;
  if (!wantsJson()) return EXIT_CODES.usage;
  return reportFailure(new M2MergeError('usage', { message: message.replace(/^error: /, ''), hint: SEE_HELP }), true);
}
