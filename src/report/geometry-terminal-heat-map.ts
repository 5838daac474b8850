/** Heat maps of pairs for a terminal: digits on coloured cells, or digits alone. */
import type { GeometryResult, PairGeometry } from '../geometry/result.js';
import { formatMetric, PAIR_METRICS } from './geometry-metrics.js';
import { type Layout, NAME_WIDTH } from './geometry-terminal-layout.js';

/** Colours of the 256-colour palette for steps away from the value of unrelated experts: blue above, orange below. */
const ABOVE = [195, 153, 111, 75, 33];
const BELOW = [230, 223, 216, 209, 202];
/** Distances from that value at which the next colour starts: cosines of RL experts are of the order of 1e-2. */
const COSINE_STEPS = [0.005, 0.02, 0.05, 0.2, 0.5];
const LIFT_STEPS = [0.02, 0.05, 0.1, 0.25, 0.5];
/** Characters of a cell: a sign, four digits, a point, one more and a space. */
const CELL_WIDTH = 8;

interface HeatMap {
  readonly key: 'cosine' | 'jaccard_lift';
  readonly centre: number;
  readonly steps: readonly number[];
}

const HEAT_MAPS: readonly HeatMap[] = [
  { key: 'cosine', centre: 0, steps: COSINE_STEPS },
  { key: 'jaccard_lift', centre: 1, steps: LIFT_STEPS },
];

/**
 * Lines of both heat maps over all pairs, side by side where the width holds them, else one below the other. Experts that
 * do not fit in the width are left out and counted.
 */
export function formatHeatMaps(result: GeometryResult, { width, shortName }: Layout, colour: boolean): string[] {
  const names = result.experts.map((name) => shortName(name, NAME_WIDTH));
  const heads = result.experts.map((name) => shortName(name, CELL_WIDTH - 1));
  const nameWidth = names.reduce((widest, name) => Math.max(widest, name.length), 0) + 2;
  const shown = Math.min(names.length, Math.floor((width - nameWidth) / CELL_WIDTH));
  const maps = HEAT_MAPS.map((map) => formatHeatMap(result, { names, heads, shown, nameWidth }, map, colour));
  const mapWidth = nameWidth + CELL_WIDTH * shown;
  const rest = names.length - shown;
  const note = rest > 0 ? [`  and ${rest} more experts in geometry.html`] : [];
  const [left = [], right = []] = maps;
  if (2 * mapWidth > width) return [...left.map(({ text }) => text), ...right.map(({ text }) => text), ...note];
  return [
    ...left.map(({ text, columns }, row) =>
      `${text}${' '.repeat(mapWidth - columns)}${right[row]?.text ?? ''}`.trimEnd(),
    ),
    ...note,
  ];
}

/** A line and the columns it takes, without its escape sequences. */
interface Line {
  readonly text: string;
  readonly columns: number;
}

/** Experts as rows and columns call them, of which the first `shown` are shown. */
interface Axes {
  readonly names: readonly string[];
  readonly heads: readonly string[];
  readonly shown: number;
  readonly nameWidth: number;
}

function formatHeatMap(result: GeometryResult, axes: Axes, map: HeatMap, colour: boolean): Line[] {
  const { label, unit } = PAIR_METRICS[map.key];
  const { nameWidth } = axes;
  const [names, heads] = [axes.names.slice(0, axes.shown), axes.heads.slice(0, axes.shown)];
  const title = `  ${label}`;
  const header = `${' '.repeat(nameWidth)}${heads.map((head) => head.padStart(CELL_WIDTH)).join('')}`;
  const rows = names.map((name, row): Line => {
    const cells = names.map((_, column) => {
      const value = valueAt(result, map.key, row, column);
      const text = row === column ? '·' : formatMetric(unit, value);
      const cell = text.padStart(CELL_WIDTH - 1);
      return ` ${colour && value !== null ? paintCell(cell, value, map) : cell}`;
    });
    return { text: `  ${name.padEnd(nameWidth - 2)}${cells.join('')}`, columns: nameWidth + CELL_WIDTH * names.length };
  });
  return [{ text: title, columns: title.length }, { text: header, columns: header.length }, ...rows];
}

function valueAt(result: GeometryResult, key: keyof PairGeometry, row: number, column: number): number | null {
  const [first, second] = [result.experts[Math.min(row, column)], result.experts[Math.max(row, column)]];
  return row === column ? null : (result.global.pairs[`${first}|${second}`]?.[key] ?? null);
}

function paintCell(cell: string, value: number, { centre, steps }: HeatMap): string {
  const level = steps.filter((step) => Math.abs(value - centre) >= step).length;
  const background = (value > centre ? ABOVE : BELOW)[level - 1];
  return background === undefined ? cell : `\u001b[30;48;5;${background}m${cell}\u001b[0m`;
}
