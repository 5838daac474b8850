/** Script of geometry.html, part 4: tables that sort by buttons in their heads, and the panel of a merge. */

export const SCRIPT_TABLE = String.raw`
/**
 * columns: label, title (tooltip), text (left-aligned). rows: lists of [text, sort value]. state: column, descending.
 * Missing values sort last either way.
 */
function table(node, columns, rows, state, onSort) {
  const direction = state.descending ? -1 : 1;
  const sorted = state.column === undefined ? rows : [...rows].sort((a, b) => compare(a[state.column][1], b[state.column][1], direction));
  const head = columns.map((column, i) => {
    const cell = html('th', { scope: 'col', class: column.text ? 'text' : undefined,
      'aria-sort': state.column === i ? (state.descending ? 'descending' : 'ascending') : undefined });
    const arrow = state.column === i ? (state.descending ? ' ↓' : ' ↑') : '';
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
  const body = sorted.map((cells) => html('tr', {}, ...cells.map(([text], i) =>
    html('td', { class: columns[i].text ? 'text' + (columns[i].mono ? ' name' : '') : undefined }, text))));
  node.replaceChildren(html('table', {}, html('thead', {}, html('tr', {}, ...head)), html('tbody', {}, ...body)));
}
/** Heads wrap, but not inside of a unit. */
const unbroken = (label) => label.replace('1e-3', '1e\u20113').replace(' %', '\u00a0%');
function compare(a, b, direction) {
  const missing = (value) => value === null || value === undefined;
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  return direction * (typeof a === 'string' ? collator.compare(a, b) : a - b);
}
const collator = new Intl.Collator('en', { numeric: true });

const explain = (metric) => [metric.formula, metric.chance && 'by chance: ' + metric.chance, metric.source].filter(Boolean).join('\n');
const column = (metric) => ({ label: metric.label, title: explain(metric) });
const cell = (metric, value) => [format(metric.unit, value), value];

const sortStates = { experts: {}, pairs: {}, tensors: {} };

function drawScopeTable(id, kind, names, keys) {
  const metrics = keys.map((key) => data.metrics[kind][key]);
  const rows = names.map((name, i) => [[name, name], ...keys.map((key, k) => cell(metrics[k], scope()[kind][key][i]))]);
  const columns = [{ label: kind, text: true }, ...metrics.map(column)];
  table(byId(id), columns, rows, sortStates[id], () => drawScopeTable(id, kind, names, keys));
}

const TENSORS_AT_FIRST = 50;
let allTensors = false;

function drawTensors() {
  const { tensors } = data;
  const [expert, pair] = [Number(byId('tensor-expert').value), Number(byId('tensor-pair').value || 0)];
  const query = byId('tensor-filter').value.trim().toLowerCase();
  const expertKeys = Object.keys(tensors.expert);
  const pairKeys = data.pairs.length === 0 ? [] : Object.keys(tensors.pair);
  const columns = [{ label: 'tensor', text: true, mono: true }, { label: 'layer' }, { label: 'module', text: true }, { label: 'parameters' },
    ...expertKeys.map((key) => column(data.metrics.expert[key])), ...pairKeys.map((key) => column(data.metrics.pair[key]))];
  const rows = tensors.name.flatMap((name, t) => {
    if (!(name + ' ' + tensors.module[t]).toLowerCase().includes(query)) return [];
    return [[[name, name], [tensors.layer[t] === null ? NO_VALUE : String(tensors.layer[t]), tensors.layer[t]], [tensors.module[t], tensors.module[t]],
      [format('count', tensors.parameters[t]), tensors.parameters[t]],
      ...expertKeys.map((key) => cell(data.metrics.expert[key], tensors.expert[key][t][expert])),
      ...pairKeys.map((key) => cell(data.metrics.pair[key], tensors.pair[key][t][pair]))]];
  });
  const state = sortStates.tensors;
  table(byId('tensors'), columns, rows, state, drawTensors);
  const body = byId('tensors').querySelector('tbody');
  const shown = allTensors ? rows.length : Math.min(rows.length, TENSORS_AT_FIRST);
  while (body.rows.length > shown) body.deleteRow(-1);
  byId('tensor-count').textContent = shown + ' of ' + tensors.total + ' tensors shown'
    + (tensors.total > tensors.name.length ? '; this page holds the ' + tensors.name.length + ' that changed most' : '');
  byId('more').hidden = shown === rows.length;
  byId('more').textContent = 'Show all ' + rows.length;
}

const mergeState = {};
function drawMerge(node, width) {
  const merge = data.merges[Number(byId('merge').value)];
  const metrics = data.metrics.merge;
  const tile = (label, value, note) => html('div', {}, html('b', {}, value), html('span', { class: 'small' }, label), html('br'), html('span', { class: 'muted small' }, note));
  const { totals } = merge;
  node.append(html('div', { class: 'tiles' },
    tile('rounding survival', format('share', totals.rounding_survival), format('count', totals.lost_to_rounding) + ' of ' + format('count', totals.updated_coordinates) + ' updates lost'),
    tile('norm ratio', format('ratio', totals.norm_ratio), '1: as long as one expert'),
    tile('non-finite values', format('count', totals.non_finite), 'NaN or infinite, written')));
  const [before, after] = [merge.expert.retained_projection, merge.expert.retained_projection_after_rounding];
  const longest = Math.max(1e-9, ...before, ...after);
  node.append(html('h3', {}, 'Kept of each expert (1 = fully)'));
  horizontalBars(node, width, 'retained projection by expert', data.experts.flatMap((name, i) => [[name, before[i], 'in float32'], ['', after[i], 'as written']]
    .map(([label, value, stage]) => ({ label, share: (value || 0) / longest, fill: label ? colour(i) : 'color-mix(in srgb, ' + colour(i) + ' 55%, var(--panel))',
      text: format('ratio', value) + ' ' + stage, tip: data.experts[i] + ': ' + format('ratio', value) + ' retained ' + stage }))));
  const keys = Object.keys(merge.expert);
  const wrapper = html('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'what the merge kept of each expert' });
  node.append(wrapper);
  const rows = data.experts.map((name, i) => [[name, name], ...keys.map((key) => cell(metrics[key], merge.expert[key][i]))]);
  const draw = () => table(wrapper, [{ label: 'expert', text: true }, ...keys.map((key) => column(metrics[key]))], rows, mergeState, draw);
  draw();
}
`;
