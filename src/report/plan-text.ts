/** A plan for people: what is read, what each parameter came to, what is written and what it costs. */

import { findMethod } from '../../kernels/methods/registry.js';
import type { Setting, Settings } from '../../kernels/parameters.js';
import { compareUtf8 } from '../checkpoint/order.js';
import { formatBytes } from '../errors/byte-text.js';
import { formatCount } from '../geometry/number-text.js';
import type { LayerOfInput, MergeJob, Plan, PreparedMerge, StackedLayers } from '../plan/plan.js';
import { sourcesOf } from '../plan/sources.js';
import { alignColumns, plural } from './format.js';
import { groupTensors } from './tensor-groups.js';
import { printable } from './text-layout.js';

/** What the plan costs beside bytes, known only where it would run. */
export interface RunFacts {
  readonly output: string;
  /** Why a merge would refuse to write there. */
  readonly outputRefused?: string | undefined;
  /** Whether the model is there already, made by this plan, and a merge of the documents would keep it. */
  readonly kept?: boolean;
  /** Worker threads; 0 for a run that needs none. */
  readonly threads: number;
  /** Estimated peak resident memory, bytes. */
  readonly memory: number;
  /** Bytes that have to be free where the output goes, and that are. */
  readonly diskNeeded: number;
  readonly diskFree: number;
  /** Where each input was found, as it is to be shown. */
  readonly folders: readonly string[];
}

/** Distinct values of a parameter shown before the rest is cut. */
const VALUES_SHOWN = 6;

export function formatPlan(prepared: PreparedMerge, facts: RunFacts): string {
  const { plan } = prepared;
  const method = findMethod(plan.method)!;
  return [
    `${method.name}: ${method.title}`,
    `  ${method.equation}`,
    '',
    `inputs (${plural(new Set(plan.inputs.map(({ reference }) => reference)).size, 'model')})`,
    ...indent(formatInputs(plan, facts)),
    ...prepared.stacks.flatMap((stack) => ['', ...formatLayers(plan, stack)]),
    '',
    `parameters (preset ${plan.preset}, seed ${plan.seed}, rounding ${plan.rounding})`,
    ...indent(formatParameters(plan)),
    '',
    `tensors (${formatCount(plan.jobs.length)})`,
    ...indent(formatTensors(plan)),
    '',
    'output',
    ...indent(formatOutput(prepared, facts)),
    '',
    'cost',
    ...indent(formatCosts(prepared, facts)),
  ]
    .map(printable)
    .join('\n');
}

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function formatInputs({ inputs }: Plan, { folders }: RunFacts): string[] {
  const rows = inputs.map(({ reference, role, files }, i) => {
    const bytes = files.reduce((total, { byteLength }) => total + byteLength, 0);
    return [role, reference, plural(files.length, 'file'), formatBytes(bytes), folders[i]!];
  });
  return alignColumns(rows, [2, 3]);
}

/** The layers of a stack that slices made, runs of one model in a line. */
function formatLayers({ inputs }: Plan, { prefix, layers }: StackedLayers): string[] {
  const runs: { readonly first: number; readonly parts: readonly LayerOfInput[]; count: number }[] = [];
  for (const [index, parts] of layers.entries()) {
    const run = runs.at(-1);
    if (run !== undefined && follows(run.parts, parts, run.count)) run.count++;
    else runs.push({ first: index, parts, count: 1 });
  }
  const span = (from: number, count: number): string => (count === 1 ? `${from}` : `${from}–${from + count - 1}`);
  const rows = runs.map(({ first, parts, count }) => [
    span(first, count),
    '←',
    parts.map(({ input, layer }) => `${inputs[input]!.reference} ${span(layer, count)}`).join(', '),
  ]);
  return [`layers (${formatCount(layers.length)} in ${prefix})`, ...indent(alignColumns(rows, [0]))];
}

/** Whether these are the layers of the same inputs that come `count` after others. */
function follows(first: readonly LayerOfInput[], parts: readonly LayerOfInput[], count: number): boolean {
  const isNext = ({ input, layer }: LayerOfInput, i: number): boolean =>
    input === first[i]?.input && layer === first[i].layer + count;
  return first.length === parts.length && parts.every(isNext);
}

function formatParameters(plan: Plan): string[] {
  const jobs = plan.jobs.filter((job): job is MergeJob => job.kind === 'merge');
  const models = plan.inputs.filter(({ role }) => role === 'model');
  const rows = models.map(({ reference }, model) => {
    const own = jobs.flatMap(({ operands }) => operands.filter((operand) => operand.model === model));
    if (own.length === 0) return [reference, jobs.length === 0 ? 'takes no part' : 'takes no part (weight 0)'];
    return [reference, formatSettings(own.map(({ settings }) => plan.settings[settings]!))];
  });
  const merge = formatSettings(jobs.map(({ settings }) => plan.settings[settings]!));
  return alignColumns([...rows, ['merge', merge === '' ? 'no parameters' : merge]]);
}

/** `name value` for each parameter; one that varies over tensors shows its values in tensor order. */
function formatSettings(all: readonly Settings[]): string {
  const names = Object.keys(all[0] ?? {});
  return names
    .map((name) => {
      const values = [...new Set(all.map((settings) => settings[name]!))];
      const shown = values.slice(0, VALUES_SHOWN).map(formatSetting).join(', ');
      const rest = values.length > VALUES_SHOWN ? `, … (${values.length} values)` : '';
      return values.length === 1 ? `${name} ${shown}` : `${name} by tensor: ${shown}${rest}`;
    })
    .join('; ');
}

function formatSetting(value: Setting): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(6))) : String(value);
}

function formatTensors({ jobs }: Plan): string[] {
  const rows = groupTensors(jobs).map(({ pattern, shape, from, to, kind, jobs: members }) => [
    `${formatCount(members.length)} ×`,
    pattern,
    `[${shape.join(', ')}]`,
    from === to ? from : `${from} → ${to}`,
    kind === 'copy' ? 'carried over' : '',
  ]);
  return alignColumns(rows, [0]);
}

function formatOutput(prepared: PreparedMerge, { output, outputRefused, kept }: RunFacts): string[] {
  const { plan, costs, configFields } = prepared;
  const { shards } = plan;
  const fields = configFields.map(({ section, key, value }) => {
    const isByLayer = Array.isArray(value) && !key.includes('_token_');
    return `${[...section, key].join('.')} ${isByLayer ? `of ${value.length} layers` : JSON.stringify(value)}`;
  });
  return [
    output,
    ...(kept ? ['is there already, made by the same plan; a merge keeps it'] : []),
    ...(outputRefused === undefined ? [] : [`a merge would be refused: ${outputRefused}`]),
    `${formatCount(costs.parameters)} parameters in ${plural(shards.length, 'file')}, ${formatBytes(costs.bytesWritten)}`,
    ...(fields.length > 0 ? [`config.json: ${fields.join('; ')}`] : []),
    ...formatTokens(prepared),
  ];
}

/** What goes by tokens, and the files that are not those of an input. */
function formatTokens({ plan, beside }: PreparedMerge): string[] {
  if (beside === undefined) return [];
  const { tokens, written } = beside;
  const sources = plan.jobs.flatMap((job) => (job.kind === 'copy' ? [] : sourcesOf(job)));
  const moved = new Set(sources.flatMap(({ input, rows }) => (rows === undefined ? [] : [input])));
  const models = [...moved].map((input) => plan.inputs[input]!.reference);
  const order = models.length > 0 ? `; rows are put in order for ${models.join(', ')}` : '';
  return [
    ...(tokens === undefined ? [] : [`tokenizer: ${plural(tokens, 'token')}${order}`]),
    ...(written.size > 0 ? [`written anew: ${[...written.keys()].sort(compareUtf8).join(', ')}`] : []),
  ];
}

function formatCosts({ costs }: PreparedMerge, { memory, threads, diskNeeded, diskFree }: RunFacts): string[] {
  return alignColumns([
    // How often models are read may depend on what is in them: ties at a threshold, directions that are slow to find.
    ['read', `${formatBytes(costs.bytesRead)} in ${costs.passes === 1 ? 'one pass' : `about ${costs.passes} passes`}`],
    ['write', formatBytes(costs.bytesWritten)],
    [
      'memory',
      `about ${formatBytes(memory)} ${threads === 0 ? 'without workers' : `with ${plural(threads, 'thread')}`}`,
    ],
    [
      'disk',
      `${formatBytes(diskNeeded)} needed, ${formatBytes(diskFree)} free${diskFree < diskNeeded ? ': not enough' : ''}`,
    ],
  ]);
}
