/** README.md of the merged model: front matter for the Hub, what was merged how, and how to do it again. */
import type { Method } from '../../kernels/method.js';
import { formatCount } from '../geometry/number-text.js';
import type { Plan, PlanInput } from '../plan/plan.js';
import { agreementOf, describeLicence, type SourceCard, sourceLines } from './card-sources.js';
import { escapeMarkdown, fencedBlock } from './escape-markdown.js';
import { describeOperands } from './format.js';
import { nameOfInput } from './public-names.js';

export interface CardFacts {
  readonly title: string;
  readonly plan: Plan;
  readonly method: Method;
  /** The recipe, without folders of this machine. */
  readonly recipeText: string;
  readonly toolVersion: string;
  /** Name of the dtype as config.json writes it; undefined where tensors differ. */
  readonly dtype: string | undefined;
  readonly parameters: number;
  /** The model's config.json, where it has one. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  /** What went into each input, its model and its adapter, with what their own cards say. */
  readonly sources: readonly (readonly SourceCard[])[];
  /** Names of the files that come along from the donor. */
  readonly sideFiles: readonly string[];
}

/** The card's text. Local paths do not appear in it: their last part does. */
export function formatModelCard(facts: CardFacts): string {
  const { plan, method, sources } = facts;
  const knowsLicences = agreementOf(sources.flat()) !== 'nothing said';
  const source = method.paper === undefined ? '' : ` (${method.paper})`;
  const body = [
    `# ${escapeMarkdown(facts.title)}`,
    '',
    `A merge of ${describeOperands(plan.inputs)} with **${method.title}**${source}, made by m2merge ${facts.toolVersion}.`,
    '',
    `    ${method.equation}`,
    '',
    `| model | role | revision |${knowsLicences ? ' licence |' : ''}`,
    `|---|---|---|${knowsLicences ? '---|' : ''}`,
    ...plan.inputs.map((input, i) => {
      const licence = knowsLicences ? ` ${escapeMarkdown(sources[i]!.map(describeLicence).join(' + '))} |` : '';
      return `| ${escapeMarkdown(nameOfInput(input))} | ${input.role} | ${revisionOf(input)} |${licence}`;
    }),
    '',
    `Preset \`${plan.preset}\`, seed ${plan.seed}, rounding ${plan.rounding}, ${formatCount(facts.parameters)} parameters${facts.dtype === undefined ? '' : ` in ${facts.dtype}`}.`,
    '',
    'The recipe:',
    '',
    fencedBlock('yaml', facts.recipeText),
    '',
    'Inputs, resolved parameters and checksums of every tensor are in `m2merge_manifest.json`.',
    '',
  ];
  return [...frontMatter(facts), '', ...body].join('\n');
}

/** What the Hub reads: which models this one comes from, and how it is used. */
function frontMatter({ plan, method, config, sources, sideFiles }: CardFacts): string[] {
  const origins = plan.inputs
    .filter(({ role }) => role !== 'donor')
    .flatMap(({ hub, adapterHub }) => [hub, adapterHub]);
  const repositories = [...new Set(origins.flatMap((origin) => origin?.repo ?? []))];
  const task = taskOf(config);
  return [
    '---',
    // With one repository, the Hub would take the model for a fine-tune of it.
    ...(repositories.length === 0
      ? []
      : ['base_model:', ...repositories.map((repo) => `- ${repo}`), 'base_model_relation: merge']),
    ...sourceLines(sources.flat(), (name) => sideFiles.includes(name)),
    'library_name: transformers',
    ...(task === undefined ? [] : [`pipeline_tag: ${task}`]),
    'tags:',
    '- merge',
    '- m2merge',
    `- ${method.name}`,
    '---',
  ];
}

function revisionOf({ hub, adapterHub }: PlanInput): string {
  const commits = [hub, adapterHub].flatMap((origin) => (origin === undefined ? [] : [`\`${origin.commit}\``]));
  return commits.length === 0 ? 'not on the Hub' : commits.join(' + ');
}

/** The Hub's names of tasks by the endings of architectures. */
const TASKS: readonly (readonly [RegExp, string])[] = [
  [/ForCausalLM$|LMHeadModel$/, 'text-generation'],
  [/ForMaskedLM$/, 'fill-mask'],
  [/ForSequenceClassification$/, 'text-classification'],
  [/ForTokenClassification$/, 'token-classification'],
  [/ForQuestionAnswering$/, 'question-answering'],
  [/ForConditionalGeneration$/, 'text2text-generation'],
];

/** The task that a model's architecture is for; undefined where its config does not say. */
function taskOf(config: CardFacts['config']): string | undefined {
  const { architectures, vision_config: vision } = config ?? {};
  const name = Array.isArray(architectures) ? architectures.find((entry) => typeof entry === 'string') : undefined;
  if (name === undefined) return undefined;
  if (vision !== undefined && vision !== null) return 'image-text-to-text';
  return TASKS.find(([ending]) => ending.test(name))?.[1];
}
