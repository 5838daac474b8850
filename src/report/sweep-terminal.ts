/** The table of a sweep on a terminal. */
import colors from 'picocolors';
import { SWEEP_FILES, type SweepResult } from '../sweep/result.js';
import { alignColumns } from './format.js';
import { describeObjective, type SweepTable, tabulateSweep } from './sweep-table.js';
import { printable, shorten, wrap } from './text-layout.js';

/** Characters of a cell: a problem can be as long as the evaluator likes. */
const LONGEST_CELL = 60;

/**
 * Characters of a cell, and of the head of a column of numbers, where the whole would be wider than the terminal; the
 * smaller ones where it still is with all columns left out that can be.
 */
const NARROW_CELLS = [30, 20, 14];
const NARROW_HEAD = 12;

/** Lines of aligned columns, best first; those that can be missed are left out where the terminal has no room for them. */
export function formatSweepTerminal(result: SweepResult, colour: boolean, width = Number.POSITIVE_INFINITY): string {
  const paint = colors.createColors(colour);
  const table = tabulateSweep(result);
  const { lines: all, left } = narrowTo(table, width);
  const [headLine, ...lines] = all;
  const painted = lines.map((text, i) => (table.rows[i]![0] === '*' ? paint.green(text) : text));
  const names = left.map((column) => printable(table.head[column]!)).join(', ');
  const legend = [
    ...marksOf(result),
    ...(left.length === 0 ? [] : wrap(`no room here, but in ${SWEEP_FILES.markdown}: ${names}`, width, 0)),
  ];
  return [paint.bold(headLine!), ...painted, ...legend.map((text) => paint.dim(text))].join('\n');
}

/** What the marks of the rows mean, those that are there. */
function marksOf({ best, pareto, objective }: SweepResult): string[] {
  const marks = [
    ...(best === null ? [] : [`* ${describeObjective(objective)}`]),
    ...(pareto.length === 0 ? [] : ['+ not beaten in every metric']),
  ];
  return marks.length === 0 ? [] : [marks.join(', ')];
}

/** The table in lines of at most `width`, as far as that can be, and the columns that had to be left out. */
function narrowTo(table: SweepTable, width: number): { lines: string[]; left: readonly number[] } {
  const isNarrow = (lines: readonly string[]): boolean => lines.every(({ length }) => length <= width);
  const whole = layOut(table, [], { cell: LONGEST_CELL, head: LONGEST_CELL });
  if (isNarrow(whole)) return { lines: whole, left: [] };
  let narrowest = { lines: whole, left: [] as readonly number[] };
  for (const cell of NARROW_CELLS) {
    for (let count = 0; count <= table.dispensable.length; count++) {
      const left = table.dispensable.slice(0, count);
      narrowest = { lines: layOut(table, left, { cell, head: NARROW_HEAD }), left };
      if (isNarrow(narrowest.lines)) return narrowest;
    }
  }
  return narrowest;
}

function layOut(
  { head, rows, numeric }: SweepTable,
  left: readonly number[],
  most: { readonly cell: number; readonly head: number },
): string[] {
  const columns = head.flatMap((_, column) => (left.includes(column) ? [] : [column]));
  const heads = columns.map((column) =>
    shorten(printable(head[column]!), numeric.includes(column) ? most.head : most.cell),
  );
  const cells = rows.map((row) => columns.map((column) => shorten(printable(row[column]!), most.cell)));
  return alignColumns(
    [heads, ...cells],
    columns.flatMap((column, i) => (numeric.includes(column) ? [i] : [])),
  );
}
