/** docs/methods.md, made from the declarations of the methods. */
import type { Method } from '../../kernels/method.js';
import { FRONT, FRONT_PARAMETERS } from '../../kernels/methods/in-front.js';
import { METHODS } from '../../kernels/methods/registry.js';
import type { Parameter, Setting } from '../../kernels/parameters.js';
import { defaultOf } from '../recipe/presets.js';
import { describeModels, describePreset, ownParameters } from './methods-text.js';

const HEAD = `# Merge methods

Made from the declarations in \`kernels/methods\`, as are \`m2merge methods\`, \`m2merge methods <name>\` and the JSON Schema.
θ₀ is the base, θᵢ an expert, τᵢ = θᵢ − θ₀ its task vector, N the number of experts. Arithmetic is f32, sums over tensors
f64, and results are rounded once.

Values in tables are those of a recipe that names no preset, which then means what mergekit means. \`preset: m2rl\` is the
merging code of ["To Mix or To Merge"](https://arxiv.org/abs/2602.12566).

## The same name elsewhere
`;

const FRONT_TEXT = `## In front of a method

\`sparsify\` drops elements of each task vector before a method on task vectors sees it, whichever method that is. It stands
at the top of a recipe or under \`parameters\`; a model's own \`parameters\` may give \`sparsify: {density: …}\` of its own.

\`\`\`yaml
merge_method: sce
sparsify: { method: dare, density: 0.8, rescale: density }
\`\`\`

\`dare_linear\` is \`dare\` in front of \`task_arithmetic\`, \`ties\` is \`magnitude\` in front of an election, \`breadcrumbs\` and
\`della\` likewise; the tests say so. With \`preset: m2rl\`, density is 0.8 and rescale \`density\` unless given.
`;

const escapeCell = (text: string): string => text.replaceAll('|', '\\|');
const row = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** The whole document, Markdown. */
export function methodsDocument(): string {
  const elsewhere = METHODS.map(({ name, title, elsewhere: { mergekit, m2rl } }) => [
    `[\`${name}\`](#${name})`,
    title,
    mergekit ?? '–',
    m2rl ?? '–',
  ]);
  return [
    HEAD,
    table(['method', 'this project', 'mergekit', "M2RL's code"], elsewhere),
    '',
    '"–": not there. For mergekit this is commit a6e4028; with `dtype: bfloat16` it rounds after every operation, so 16-bit',
    'results differ in the last place.',
    '',
    FRONT_TEXT,
    parameterTable(
      FRONT_PARAMETERS.map((parameter) => ({ ...parameter, name: parameter.name.slice(FRONT.length) })),
      (parameter) => parameter.default,
    ),
    '',
    ...METHODS.map(section),
  ].join('\n');
}

function section(method: Method): string {
  const { name, title, equation, summary, paper, aliases = [], presets } = method;
  const own = ownParameters(method);
  const m2rl = presets.m2rl === undefined ? [] : [`With \`preset: m2rl\`: ${describePreset(method, 'm2rl')}.`, ''];
  return [
    `## ${name}`,
    '',
    `${title}${aliases.length === 0 ? '' : ` (also ${aliases.map((alias) => `\`${alias}\``).join(', ')})`}. ${summary}`,
    '',
    `> ${equation}`,
    '',
    `Takes ${describeModels(method)}.${paper === undefined ? '' : ` Source: ${linked(paper)}.`}`,
    '',
    ...(own.length === 0 ? [] : [parameterTable(own, (parameter) => defaultOf(method, parameter)), '']),
    ...m2rl,
  ].join('\n');
}

function parameterTable(
  parameters: readonly Parameter[],
  fallback: (parameter: Parameter) => Setting | undefined,
): string {
  const rows = parameters.map((parameter) => [
    `\`${parameter.name}\``,
    parameter.scope === 'model' ? 'model' : 'merge',
    valuesOf(parameter),
    String(fallback(parameter) ?? 'required'),
    parameter.summary,
  ]);
  return table(['parameter', 'of each', 'values', 'default', 'meaning'], rows);
}

function valuesOf(parameter: Parameter): string {
  if (parameter.kind === 'choice') return parameter.choices.join(', ');
  if (parameter.kind === 'boolean') return 'true, false';
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY, words = [] } = parameter;
  const range = Number.isFinite(maximum)
    ? `${minimum} to ${maximum}`
    : Number.isFinite(minimum)
      ? `≥ ${minimum}`
      : 'any number';
  return [range, ...words].join(', ');
}

const linked = (paper: string): string =>
  paper.startsWith('arXiv:') ? `[${paper}](https://arxiv.org/abs/${paper.slice('arXiv:'.length)})` : `<${paper}>`;
