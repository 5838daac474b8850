/** sweep.md: the table of a sweep and its winner's recipe. */
import type { SweepResult } from '../sweep/result.js';
import { describeObjective, tabulateSweep } from './sweep-table.js';

/** Text that Markdown shows as it is, in one cell. */
const cell = (text: string): string => text.replace(/[\\|`*_<>[\]]/g, '\\$&').replace(/\s+/g, ' ');

export function formatSweepMarkdown(result: SweepResult): string {
  const { head, rows, numeric } = tabulateSweep(result);
  const rule = head.map((_, column) => (numeric.includes(column) ? '---:' : '---'));
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  const table = [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)];
  return `# Sweep of ${cell(result.recipe)}

${result.rows.length} variants; the winner has the ${describeObjective(result.objective)}.
\`*\` marks it, \`+\` variants that no other equals in every metric and beats in one.

${table.join('\n')}
${formatWinner(result)}`;
}

function formatWinner({ best, best_recipe }: SweepResult): string {
  if (best === null || best_recipe === null) return '';
  // A fence longer than any run of backticks in the recipe cannot be closed by it.
  const longest = Math.max(2, ...(best_recipe.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return `
## ${cell(best)}

${fence}yaml
${best_recipe.trimEnd()}
${fence}
`;
}
