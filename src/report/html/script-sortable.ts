/** Script of every page: tables that sort by buttons in their heads. */

export const SCRIPT_SORTABLE = String.raw`
/**
 * columns: label, title (tooltip), text (left-aligned), and with it mono (a long name) or mark (a symbol).
 * rows: lists of [text, sort value]. state: column, descending. Missing values sort last either way.
 */
function table(node, columns, rows, state, onSort) {
  const direction = state.descending ? -1 : 1;
  const sorted =
    state.column === undefined
      ? rows
      : [...rows].sort((a, b) => compare(a[state.column][1], b[state.column][1], direction));
  const head = columns.map((column, i) => {
    const cell = html('th', {
      scope: 'col',
      class: column.text ? 'text' : undefined,
      'aria-sort': state.column === i ? (state.descending ? 'descending' : 'ascending') : undefined,
    });
    const arrow = state.column === i ? (state.descending ? '\u00a0↓' : '\u00a0↑') : '';
    const button = html('button', { type: 'button', 'data-tip': column.title }, unbroken(column.label) + arrow);
    button.addEventListener('click', () => {
      const again = state.column === i;
      state.descending = again ? !state.descending : !column.text;
      state.column = i;
      onSort();
      node.querySelectorAll('thead button')[i].focus();
    });
    cell.append(button);
    return cell;
  });
  const body = sorted.map((cells) =>
    html(
      'tr',
      {},
      ...cells.map(([text], i) => html('td', { class: kindOf(columns[i]) }, text)),
    ),
  );
  node.replaceChildren(html('table', {}, html('thead', {}, html('tr', {}, ...head)), html('tbody', {}, ...body)));
}
const kindOf = ({ text, mono, mark }) =>
  text ? ['text', mono && 'name', mark && 'mark'].filter(Boolean).join(' ') : undefined;
/** Heads wrap, but not inside of a unit. */
const unbroken = (label) => label.replace('1e-3', '1e\u20113').replace(' %', '\u00a0%');
function compare(a, b, direction) {
  const missing = (value) => value === null || value === undefined;
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  return direction * (typeof a === 'string' ? collator.compare(a, b) : a - b);
}
const collator = new Intl.Collator('en', { numeric: true });
`;
