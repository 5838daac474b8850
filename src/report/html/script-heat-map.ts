/** Script of geometry.html: heat maps, diverging around the value of unrelated experts. */

export const SCRIPT_HEAT_MAP = String.raw`
/** Share of full colour, -1 to 1, or null for no value. log: values are ratios, and 0 (no change) has no colour. */
function tone(value, centre, extent, log) {
  if (value === null || value === undefined || (log && value === 0)) return null;
  const distance = log ? Math.log2(value / centre) : value - centre;
  return Math.max(-1, Math.min(1, distance / extent));
}
function fill(amount) {
  if (amount === null) return 'none';
  const side = amount >= 0 ? 'var(--above)' : 'var(--below)';
  return 'color-mix(in oklab, ' + side + ' ' + (Math.abs(amount) * 100).toFixed(1) + '%, var(--cell))';
}

/**
 * map: rows and columns (labels), value(row, column), unit, tipOf(row, column), centre, extent, log, mirrored,
 * upwards where no value is below the centre, rowRoom (characters of a row's label).
 * Cells show their number where there is room for it.
 */
function heatMap(node, width, map) {
  const most = map.rowRoom || (width < 500 ? 12 : 20);
  const left = widthOf(map.rows, most) + 12;
  const cellIn = (room) => Math.max(5, Math.min(map.widest || 76, room / map.columns.length));
  const slanted = !map.sparseColumns && widthOf(map.columns, Infinity) > cellIn(width - left - 2);
  const lean = widthOf(map.columns, SLANTED_MOST);
  // A slanted label leans over the cells to its right, the last one over the edge.
  const right = slanted ? lean * 0.77 : 2;
  const cell = cellIn(width - left - right);
  const height = Math.max(20, Math.min(34, cell));
  const top = slanted ? lean * 0.64 + 22 : 22;
  const picture = svg('svg', {
    width: left + cell * map.columns.length + right,
    height: top + height * map.rows.length + 2,
    role: 'group',
    'aria-label': map.title + '; arrow keys move between cells',
  });
  columnLabels(picture, map, { left, cell, top, slanted });
  map.rows.forEach((label, row) => {
    const y = top + row * height;
    picture.append(svg('text', { x: left - 8, y: y + height / 2 + 4, 'text-anchor': 'end' }, shorten(label, most)));
    map.columns.forEach((_, column) => {
      picture.append(...heatCell(map, row, column, { x: left + column * cell, y, cell, height }));
    });
  });
  node.append(picture, ramp(map));
}

/** Pixels of the longest label when those of more than so many characters are shortened. */
const widthOf = (labels, most) => 7 * Math.min(most, Math.max(0, ...labels.map((label) => [...label].length)));
/** Characters of a slanted label. */
const SLANTED_MOST = 12;

/** Pixels of a cell from which its number fits. */
const NUMBER_WIDTH = 40;
/** Above it a cell is nearer to its full colour, and text on it is the other way round: light or dark as that colour asks. */
const STRONG_TONE = 0.7;

function heatCell(map, row, column, { x, y, cell, height }) {
  const value = map.value(row, column);
  const amount = tone(value, map.centre, map.extent, map.log);
  const rectangle = svg('rect', {
    x: x + 0.5,
    y: y + 0.5,
    width: Math.max(1, cell - 1),
    height: height - 1,
    rx: 2,
    style: 'fill:' + fill(amount) + (amount === null ? ';stroke:var(--line)' : ''),
    ...cellAttributes(row, column, map.tipOf(row, column)),
  });
  if (cell < NUMBER_WIDTH) return [rectangle];
  const strong = amount !== null && Math.abs(amount) > STRONG_TONE;
  const text = map.mirrored && row === column ? '·' : format(map.unit, value);
  const place = { x: x + cell / 2, y: y + height / 2 + 4, class: strong ? 'cell-text strong' : 'cell-text' };
  return [rectangle, svg('text', place, text)];
}

function columnLabels(picture, map, { left, cell, top, slanted }) {
  const every = map.sparseColumns ? Math.ceil(24 / cell) : 1;
  map.columns.forEach((label, column) => {
    if (column % every !== 0) return;
    const x = left + (column + 0.5) * cell;
    picture.append(
      slanted
        ? svg('text', { x, y: top - 8, transform: 'rotate(-40 ' + x + ' ' + (top - 8) + ')' }, shorten(label, SLANTED_MOST))
        : svg('text', { x, y: top - 8, 'text-anchor': 'middle', class: 'muted' }, label),
    );
  });
}

function ramp(map) {
  const at = (amount) =>
    map.log ? map.centre * 2 ** (amount * map.extent) : map.centre + amount * map.extent;
  const ends = map.upwards ? [0, 1] : [-1, 1];
  const stops = [0, 0.25, 0.5, 0.75, 1].map((part) => fill(ends[0] + part * (ends[1] - ends[0]))).join(', ');
  const notes = [
    map.upwards ? '' : 'centre ' + format(map.unit, map.centre),
    map.log ? 'outlined: not changed, not finite, or no such module' : '',
  ];
  return html(
    'div',
    { class: 'ramp' },
    html('span', {}, format(map.unit, at(ends[0]))),
    html('i', { style: 'background:linear-gradient(to right, ' + stops + ')' }),
    html('span', {}, format(map.unit, at(ends[1]))),
    html('span', {}, notes.filter(Boolean).join('; ')),
  );
}

/** Distance from the centre that gets full colour: the largest, but not so little that noise looks like a pattern. */
function extentAround(centre, values, unit) {
  const least = { milli: 0.01, share: 0.05, ratio: 0.05, score: 3 }[unit] || 0;
  const known = values.filter((value) => value !== null);
  return Math.max(least, ...known.map((value) => Math.abs(value - centre))) || 1;
}

/** Heat map over pairs of experts in the chosen scope. */
function pairMap(node, width, key) {
  if (data.pairs.length === 0) return node.append(html('p', { class: 'muted' }, 'Needs two experts.'));
  const metric = data.metrics.pair[key];
  const values = scope().pair[key];
  const at = (row, column) =>
    data.pairs.findIndex(([i, j]) => i === Math.min(row, column) && j === Math.max(row, column));
  const centre = metric.chanceValue === undefined ? 0 : metric.chanceValue;
  heatMap(node, width, {
    title: metric.label + ' of pairs',
    rows: data.labels,
    columns: data.labels,
    unit: metric.unit,
    centre,
    extent: extentAround(centre, values, metric.unit),
    mirrored: true,
    value: (row, column) => (row === column ? null : values[at(row, column)]),
    tipOf: (row, column) => (row === column ? data.experts[row] : pairTip(at(row, column))),
  });
}

function pairTip(pair) {
  const lines = [
    'cosine',
    'sign_flip_z',
    'jaccard',
    'jaccard_null_independent',
    'jaccard_null_exponent',
    'jaccard_lift',
    'sign_conflict_on_overlap',
    'overlap',
  ].map((key) => {
    const metric = data.metrics.pair[key];
    return metric.label + ': ' + format(metric.unit, scope().pair[key][pair]);
  });
  return [pairNames[pair] + ', ' + scopeTitle(), ...lines].join('\n');
}

/** Layer × module map of displacement of one expert. */
function displacementMap(node, width, expert) {
  const { modules, layers, values } = data.map;
  if (layers.length === 0) return node.append(html('p', { class: 'muted' }, 'No tensor has a layer in its name.'));
  const known = values[expert].flat().filter((value) => value !== null && value > 0);
  const extent = Math.min(4, Math.max(1, ...known.map((value) => Math.abs(Math.log2(value)))));
  heatMap(node, width, {
    title: 'displacement ratio by layer and module',
    rows: modules,
    columns: layers.map(String),
    unit: 'ratio',
    centre: 1,
    extent,
    log: true,
    sparseColumns: true,
    widest: 64,
    value: (row, column) => values[expert][row][column],
    tipOf: (row, column) =>
      data.experts[expert] +
      ', layer ' +
      layers[column] +
      ', ' +
      modules[row] +
      '\ndisplacement ratio: ' +
      format('ratio', values[expert][row][column]),
  });
}
`;
