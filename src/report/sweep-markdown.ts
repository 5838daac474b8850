/** sweep.md: the table of a sweep and its winner's recipe. */
import type { SweepResult } from '../sweep/result.js';
import { escapeMarkdown as cell, fencedBlock } from './escape-markdown.js';
import { plural } from './format.js';
import { describeObjective, tabulateSweep } from './sweep-table.js';

export function formatSweepMarkdown(result: SweepResult): string {
  const { head, rows, numeric } = tabulateSweep(result);
  const rule = head.map((_, column) => (numeric.includes(column) ? '---:' : '---'));
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  const table = [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)];
  return `# Sweep of ${cell(result.recipe)}

${plural(result.rows.length, 'variant')}; the winner has the ${cell(describeObjective(result.objective))}.
\`*\` marks it, \`+\` variants that no other equals in every metric and beats in one.

${table.join('\n')}
${formatWinner(result)}`;
}

function formatWinner({ best, best_recipe }: SweepResult): string {
  if (best === null || best_recipe === null) return '';
  return `
## ${cell(best)}

${fencedBlock('yaml', best_recipe)}
`;
}
