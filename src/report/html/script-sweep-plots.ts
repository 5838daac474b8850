/** Script of sweep.html: scatter plots, and what they share: scales, colours, dots and tips. */

export const SCRIPT_SWEEP_PLOTS = String.raw`
const figure = (value) => (value === null || value === undefined ? NO_VALUE : String(Number(value.toPrecision(4))));
const known = (value) => typeof value === 'number';
const settingText = (row, s) => (row.settings[s] === null ? NO_VALUE : data.settings[s].values[row.settings[s]]);
const varied = data.settings.map((_, s) => s).filter((s) => data.settings[s].values.length > 1);
const measuresOf = (...kinds) => data.measures.map((_, m) => m).filter((m) => kinds.includes(data.measures[m].kind));

let shownMeasure = 0;
let colourSetting = null;
const colourOf = (row) =>
  colour(colourSetting === null || row.settings[colourSetting] === null ? 7 : row.settings[colourSetting]);

function tipOf(row) {
  const settings = data.settings
    .map(({ name }, s) => name + ' ' + settingText(row, s))
    .filter((text) => !text.endsWith(NO_VALUE));
  const numbers = data.measures.map(({ label }, m) => label + ': ' + figure(row.values[m]));
  return [
    (row.best ? '★ ' : row.unbeaten ? '◆ ' : '') + row.name,
    ...settings,
    ...numbers,
    ...(row.problem ? [row.problem] : []),
  ].join('\n');
}

/** A place on a line for each value of a setting: by number, by its logarithm over a wide range, or one after the other. */
function settingScale(s, left, right) {
  const { values, numeric } = data.settings[s];
  const numbers = values.map(Number);
  const [low, high] = [numbers[0], numbers.at(-1)];
  const inset = Math.min(24, (right - left) / 8);
  const place = (share) => left + inset + share * (right - left - 2 * inset);
  if (!numeric) {
    const band = (right - left) / values.length;
    return { x: (index) => left + (index + 0.5) * band, labels: values.map((text, i) => [i, text, band]) };
  }
  const wide = low > 0 && high / low >= 50;
  const share = (value) => (wide ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  return { x: (index) => place(share(numbers[index])), labels: values.map((text, i) => [i, text, 44]) };
}

/** Names below an axis, as many as fit without touching. */
function placeLabels(scale, y) {
  let end = Number.NEGATIVE_INFINITY;
  return scale.labels.flatMap(([index, text, room]) => {
    const most = Math.max(3, Math.floor(Math.max(room, 40) / 7));
    const short = shorten(text, most);
    const half = [...short].length * 3.6;
    if (scale.x(index) - half < end) return [];
    end = scale.x(index) + half + 6;
    return [label(scale.x(index), y, short)];
  });
}

function dot(row, x, y, attributes) {
  const mark = { class: row.best ? 'dot best' : 'dot', style: 'fill:' + colourOf(row), ...attributes };
  return svg('circle', { cx: x.toFixed(1), cy: y.toFixed(1), r: row.best ? 7 : 5, ...mark });
}

/** Dots in the order of x, so that arrow keys move along it. */
function placeDots(points) {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  return sorted.map(({ row, x, y }, i) => dot(row, x, y, cellAttributes(0, i, tipOf(row))));
}

/** Rows that differ in one setting alone, by the text of the others. */
function groupsBut(s) {
  const groups = new Map();
  for (const row of data.rows) {
    if (row.settings[s] === null) continue;
    const key = JSON.stringify(row.settings.map((value, other) => (other === s ? null : value)));
    if (groups.has(key)) groups.get(key).push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()].map((rows) => rows.sort((a, b) => a.settings[s] - b.settings[s]));
}

const path = (points) =>
  points.map(({ x, y }, i) => (i === 0 ? 'M' : 'L') + x.toFixed(1) + ' ' + y.toFixed(1)).join('');
const join = (points, paint) => svg('path', { d: path(points), class: 'series faint', style: 'stroke:' + paint });

function drawAgainst(node, width) {
  const plots = varied;
  const own = plotWidth(width, plots.length);
  node.append(colourKey());
  for (const s of plots) {
    const frame = { left: 56, right: own - 8, top: 10, bottom: 206, height: 244 };
    const scale = settingScale(s, frame.left, frame.right);
    const pointOf = (row) => ({ row, x: scale.x(row.settings[s]), y: row.values[shownMeasure] });
    const groups = groupsBut(s).map((rows) => rows.map(pointOf).filter(({ y }) => known(y)));
    const vertical = verticalScale(
      groups.flat().map(({ y }) => y),
      undefined,
      frame,
    );
    const placed = groups.map((points) => points.map((point) => ({ ...point, y: vertical.y(point.y) })));
    const picture = frameOf(own, frame, data.settings[s].name, data.measures[shownMeasure].label);
    picture.append(...grid(vertical, frame, figure), ...placeLabels(scale, frame.bottom + 16));
    picture.append(...placed.filter(({ length }) => length > 1 && s !== colourSetting).map((points) => join(points, colourOf(points[0].row))));
    picture.append(...placeDots(placed.flat()));
    node.append(picture);
  }
}

/** Width of each of so many plots in a row, two to three of them, or one on a narrow page. */
const plotWidth = (width, count) => {
  const columns = Math.max(1, Math.min(count, 3, Math.floor(width / 300)));
  return Math.floor((width - 16 * (columns - 1)) / columns);
};

function frameOf(width, frame, across, up) {
  const picture = svg('svg', {
    width,
    height: frame.height,
    role: 'group',
    'aria-label': up + ' against ' + across + '; arrow keys move',
  });
  picture.append(axisTitle(frame, across));
  return picture;
}

/** Which colour stands for which value. */
function colourKey() {
  if (colourSetting === null) return html('div', { class: 'legend' });
  const { name, values } = data.settings[colourSetting];
  const keys = values.map((text, i) => html('span', { class: 'key' }, swatch(i), shorten(text, 32)));
  return html('div', { class: 'legend' }, html('span', { class: 'key muted' }, name), ...keys);
}

/** A plot of one measure against another, a dot for each row that has both. */
function scatter(width, across, up, front) {
  const frame = { left: 56, right: width - 8, top: 10, bottom: 226, height: 264 };
  const rows = data.rows.filter(({ values }) => known(values[across]) && known(values[up]));
  const picture = frameOf(width, frame, data.measures[across].label, data.measures[up].label);
  if (rows.length === 0) return html('p', { class: 'muted' }, 'No variant has both numbers.');
  const vertical = verticalScale(
    rows.map(({ values }) => values[up]),
    undefined,
    frame,
  );
  const horizontal = verticalScale(
    rows.map(({ values }) => values[across]),
    undefined,
    { top: frame.left, bottom: frame.right },
  );
  // The scale counts from its bottom to its top: here from right to left, which is turned round.
  const x = (value) => frame.left + frame.right - horizontal.y(value);
  picture.append(...grid(vertical, frame, figure));
  for (const value of horizontal.ticks) picture.append(label(x(value), frame.bottom + 16, figure(value)));
  const pointOf = (row) => ({ row, x: x(row.values[across]), y: vertical.y(row.values[up]) });
  if (front) picture.append(join(frontOf(rows, across, up).map(pointOf), 'var(--muted)'));
  picture.append(...placeDots(rows.map(pointOf)));
  return picture;
}

/** The rows that no other beats in both measures, along the first. */
function frontOf(rows, across, up) {
  const sign = data.maximize ? 1 : -1;
  const gain = (a, b, m) => sign * (a.values[m] - b.values[m]);
  const beats = (a, b) =>
    gain(a, b, across) >= 0 && gain(a, b, up) >= 0 && (gain(a, b, across) > 0 || gain(a, b, up) > 0);
  return rows
    .filter((row) => !rows.some((other) => beats(other, row)))
    .sort((a, b) => a.values[across] - b.values[across]);
}

function drawFront(node, width) {
  node.append(colourKey(), scatter(width, Number(byId('front-x').value), Number(byId('front-y').value), true));
}

function drawGeometry(node, width) {
  const measures = measuresOf('geometry').slice(0, 3);
  node.append(colourKey(), ...measures.map((m) => scatter(plotWidth(width, measures.length), m, shownMeasure, false)));
}
`;
