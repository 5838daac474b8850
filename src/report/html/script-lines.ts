/** Script of geometry.html, part 3: lines over layers, and the frame that they share with the histogram. */

export const SCRIPT_LINES = String.raw`
/** Round numbers from low to high, about count of them. */
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // 12 digits: 3 * 0.1 is not 0.30000000000000004 to a reader.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const hiddenSeries = { expert: new Set(), pair: new Set(), group: new Set() };

/** What the lines show: metric, one name for each series, and the values of a scope. */
function lineSeries(choice) {
  const [kind, key] = choice.split(':');
  const metric = kind === 'hotspot' ? data.metrics.hotspot[key] : data.metrics[kind][key];
  const byPair = kind === 'pair' || (kind === 'hotspot' && key === 'jaccard');
  const names = byPair ? pairNames : kind === 'group' ? ['all experts'] : data.experts;
  const group = kind === 'group' || kind === 'hotspot';
  return {
    metric,
    names,
    hidden: hiddenSeries[byPair ? 'pair' : kind === 'group' ? 'group' : 'expert'],
    valuesOf: (layer) => (group ? layer.group[key] : layer[kind][key]) || [],
  };
}

function drawLines(node, width, choice) {
  const layers = data.scopes.filter(({ kind }) => kind === 'layer');
  if (layers.length === 0) return node.append(html('p', { class: 'muted' }, 'The model has no numbered layers.'));
  const { metric, names, hidden, valuesOf } = lineSeries(choice);
  const shown = names.map((_, i) => i).filter((i) => !hidden.has(i));
  const frame = { left: 64, right: width - 8, top: 10, bottom: 246, height: 280 };
  const values = layers.flatMap((layer) => shown.map((i) => valuesOf(layer)[i])).filter((value) => value !== null);
  const scale = verticalScale(values, metric.chanceValue, frame);
  const band = (frame.right - frame.left) / layers.length;
  const x = (i) => frame.left + (i + 0.5) * band;
  const picture = svg('svg', {
    width,
    height: frame.height,
    role: 'group',
    'aria-label': metric.label + ' by layer; arrow keys move, Enter selects the layer',
  });
  picture.append(...grid(scale, frame, (value) => format(metric.unit, value)), axisTitle(frame, 'layer'));
  if (metric.chanceValue !== undefined) picture.append(across(frame, scale.y(metric.chanceValue), 'reference'));
  const every = Math.ceil(34 / band);
  layers.forEach((layer, i) => {
    if (i % every === 0) picture.append(label(x(i), frame.bottom + 16, layer.name));
  });
  for (const i of shown) {
    picture.append(
      ...seriesLine(
        layers.map((layer) => valuesOf(layer)[i]),
        x,
        scale.y,
        i,
      ),
    );
  }
  layers.forEach((layer, i) => {
    const rows = shown.map((at) => names[at] + ': ' + format(metric.unit, valuesOf(layer)[at]));
    picture.append(layerColumn(layer, i, frame, band, rows));
  });
  node.append(
    legend(names, hidden, () => redraw(node)),
    picture,
  );
}

/** Text centred at x. */
const label = (x, y, text) => svg('text', { x, y, 'text-anchor': 'middle', class: 'muted' }, text);
const axisTitle = ({ left, right, height }, text) => label((left + right) / 2, height - 4, text);
const across = ({ left, right }, y, kind) => svg('line', { x1: left, x2: right, y1: y, y2: y, class: kind });
/** Lines at round values with their numbers at the left. */
function grid(scale, frame, textOf) {
  return scale.ticks.flatMap((value) => [
    across(frame, scale.y(value), 'axis'),
    svg('text', { x: frame.left - 8, y: scale.y(value) + 4, 'text-anchor': 'end', class: 'muted' }, textOf(value)),
  ]);
}

function verticalScale(values, chance, { top, bottom }) {
  const all = chance === undefined ? values : [...values, chance];
  let [low, high] = all.length === 0 ? [0, 1] : [Math.min(...all), Math.max(...all)];
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  if (low > 0 && low < high / 2) low = 0;
  const room = (high - low) * 0.05;
  [low, high] = [low === 0 ? 0 : low - room, high + room];
  return { ticks: ticks(low, high, 5), y: (value) => bottom - ((value - low) / (high - low)) * (bottom - top) };
}

/** A line with gaps where values are missing; a lone value is a dot. */
function seriesLine(values, x, y, i) {
  const known = (value) => typeof value === 'number';
  let path = '';
  values.forEach((value, at) => {
    if (known(value))
      path += (at > 0 && known(values[at - 1]) ? 'L' : 'M') + x(at).toFixed(1) + ' ' + y(value).toFixed(1);
  });
  const line = svg('path', { d: path, class: 'series', style: 'stroke:' + colour(i), 'stroke-dasharray': dash(i) });
  const lone = values.flatMap((value, at) =>
    known(value) && !known(values[at - 1]) && !known(values[at + 1])
      ? [svg('circle', { cx: x(at), cy: y(value), r: 3, style: 'fill:' + colour(i) })]
      : [],
  );
  return [line, ...lone];
}

function layerColumn(layer, i, { left, top, bottom }, band, rows) {
  const key = scopeKey(layer);
  const node = svg('rect', {
    x: left + i * band,
    y: top,
    width: band,
    height: bottom - top,
    class: 'hover',
    'data-scope': key,
    ...cellAttributes(0, i, ['layer ' + layer.name, ...rows].join('\n')),
    role: 'button',
  });
  node.addEventListener('click', () => chooseScope(key));
  return node;
}

/** Buttons that show and hide a series. */
function legend(names, hidden, onToggle) {
  return html(
    'div',
    { class: 'legend' },
    ...names.map((name, i) => {
      const button = html('button', { type: 'button', 'aria-pressed': String(!hidden.has(i)) }, swatch(i), name);
      button.addEventListener('click', () => {
        if (!hidden.delete(i)) hidden.add(i);
        const position = [...button.parentNode.children].indexOf(button);
        const plotNode = button.closest('.plot');
        onToggle();
        plotNode.querySelectorAll('.legend button')[position].focus();
      });
      return button;
    }),
  );
}
const swatch = (i) =>
  html('span', { class: 'swatch', style: 'background:' + colour(i) + (dash(i) ? ';opacity:.6' : '') });
`;
