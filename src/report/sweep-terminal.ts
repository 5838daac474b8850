/** The table of a sweep on a terminal. */
import colors from 'picocolors';
import type { SweepResult } from '../sweep/result.js';
import { alignColumns } from './format.js';
import { describeObjective, tabulateSweep } from './sweep-table.js';
import { printable, shorten } from './text-layout.js';

/** Characters of a cell: a problem can be as long as the evaluator likes. */
const LONGEST_CELL = 60;

/** Lines of aligned columns, best first. */
export function formatSweepTerminal(result: SweepResult, colour: boolean): string {
  const paint = colors.createColors(colour);
  const { head, rows, numeric } = tabulateSweep(result);
  const cells = [head, ...rows].map((row) => row.map((text) => shorten(printable(text), LONGEST_CELL)));
  const [headLine, ...lines] = alignColumns(cells, numeric);
  const painted = lines.map((text, i) => (rows[i]![0] === '*' ? paint.green(text) : text));
  const legend = result.best === null ? [] : [`* ${describeObjective(result.objective)}, + not beaten in every metric`];
  return [paint.bold(headLine!), ...painted, ...legend.map((text) => paint.dim(text))].join('\n');
}
