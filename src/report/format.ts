/** Numbers for people: counts, durations and rates, the same in every locale. */

import { formatCount } from '../geometry/number-text.js';

/** 0.42 s, 12.3 s, 4 min 05 s, 2 h 10 min. */
export function formatSeconds(seconds: number): string {
  if (seconds < 99.95) return `${seconds.toPrecision(seconds < 1 ? 2 : 3)} s`;
  const whole = Math.round(seconds);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** `count noun` with an s where it belongs. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** How many models a merge is of, the base that it subtracts not counted. */
export function describeOperands(inputs: readonly { readonly role: string; readonly reference: string }[]): string {
  const merged = inputs.filter(({ role }) => role === 'model' || role === 'copied');
  const models = new Set(merged.map(({ reference }) => reference)).size;
  return models === 0 ? 'the base alone' : plural(models, 'model');
}

/** Rows as aligned columns, two spaces apart; columns named in `right` are right-aligned. */
export function alignColumns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const columns = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const widths = Array.from({ length: columns }, (_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => (right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}
