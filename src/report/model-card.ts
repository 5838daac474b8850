/** README.md of the merged model: front matter for the Hub, what was merged how, and how to do it again. */
import type { Method } from '../../kernels/method.js';
import type { Plan } from '../plan/plan.js';
import { formatCount } from './format.js';
import { publicName } from './public-names.js';

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
}

/** The card's text. Local paths do not appear in it: their last part does. */
export function formatModelCard(facts: CardFacts): string {
  const { plan, method } = facts;
  const frontMatter = [
    '---',
    'library_name: transformers',
    'pipeline_tag: text-generation',
    'tags:',
    '- merge',
    '- m2merge',
    '---',
  ];
  const source = method.paper === undefined ? '' : ` (${method.paper})`;
  const body = [
    `# ${facts.title}`,
    '',
    `A merge of ${plan.inputs.filter(({ role }) => role === 'model').length} models with **${method.title}**${source}, made by m2merge ${facts.toolVersion}.`,
    '',
    `    ${method.equation}`,
    '',
    '| model | role |',
    '|---|---|',
    ...plan.inputs.map(({ reference, role }) => `| ${publicName(reference)} | ${role} |`),
    '',
    `Preset \`${plan.preset}\`, seed ${plan.seed}, rounding ${plan.rounding}, ${formatCount(facts.parameters)} parameters${facts.dtype === undefined ? '' : ` in ${facts.dtype}`}.`,
    '',
    'The recipe:',
    '',
    '```yaml',
    facts.recipeText.trimEnd(),
    '```',
    '',
    'Inputs, resolved parameters and checksums of every tensor are in `m2merge_manifest.json`.',
    '',
  ];
  return [...frontMatter, '', ...body].join('\n');
}
