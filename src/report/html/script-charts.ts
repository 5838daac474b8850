/** Script of geometry.html, part 3: lines over layers, bars of the overlap, histogram of changes in ULPs. */

export const SCRIPT_CHARTS = String.raw`
/** Round numbers from low to high, about count of them. */
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

const hiddenSeries = { expert: new Set(), pair: new Set(), group: new Set() };

/** What the lines show: metric, one name for each series, and the values of a scope. */
function lineSeries(choice) {
  const [kind, key] = choice.split(':');
  const metric = kind === 'hotspot' ? data.metrics.hotspot[key] : data.metrics[kind][key];
  const byPair = kind === 'pair' || (kind === 'hotspot' && key === 'jaccard');
  const names = byPair ? pairNames : kind === 'group' ? ['all experts'] : data.experts;
  const group = kind === 'group' || kind === 'hotspot';
  return { metric, names, hidden: hiddenSeries[byPair ? 'pair' : kind === 'group' ? 'group' : 'expert'],
    valuesOf: (layer) => (group ? layer.group[key] : layer[kind][key]) || [] };
}

function drawLines(node, width, choice) {
  const layers = data.scopes.filter(({ kind }) => kind === 'layer');
  if (layers.length === 0) return node.append(html('p', { class: 'muted' }, 'The model has no numbered layers.'));
  const { metric, names, hidden, valuesOf } = lineSeries(choice);
  const shown = names.map((_, i) => i).filter((i) => !hidden.has(i));
  const values = layers.flatMap((layer) => shown.map((i) => valuesOf(layer)[i])).filter((value) => typeof value === 'number');
  const [left, right, top, bottom, height] = [64, 8, 10, 34, 280];
  const scale = verticalScale(values, metric.chanceValue, top, height - bottom);
  const x = (i) => left + ((i + 0.5) * (width - left - right)) / layers.length;
  const picture = svg('svg', { width, height, role: 'group', 'aria-label': metric.label + ' by layer; arrow keys move, Enter selects the layer' });
  for (const value of scale.ticks) {
    picture.append(svg('line', { x1: left, x2: width - right, y1: scale.y(value), y2: scale.y(value), class: 'axis' }),
      svg('text', { x: left - 8, y: scale.y(value) + 4, 'text-anchor': 'end', class: 'muted' }, format(metric.unit, Number(value.toPrecision(12)))));
  }
  if (metric.chanceValue !== undefined) {
    const y = scale.y(metric.chanceValue);
    picture.append(svg('line', { x1: left, x2: width - right, y1: y, y2: y, class: 'reference' }));
  }
  const every = Math.ceil(layers.length / Math.max(1, Math.floor((width - left) / 34)));
  layers.forEach((layer, i) => {
    if (i % every === 0) picture.append(svg('text', { x: x(i), y: height - bottom + 16, 'text-anchor': 'middle', class: 'muted' }, layer.name));
  });
  picture.append(svg('text', { x: (left + width - right) / 2, y: height - 4, 'text-anchor': 'middle', class: 'muted' }, 'layer'));
  for (const i of shown) picture.append(...seriesLine(layers.map((layer) => valuesOf(layer)[i]), x, scale.y, i));
  layers.forEach((layer, i) => picture.append(layerColumn(layer, i, { x, left, right, top, width, layers, height: height - bottom },
    shown.map((s) => names[s] + ': ' + format(metric.unit, valuesOf(layer)[s])))));
  node.append(legend(names, hidden, () => redraw(node)), picture);
}

function verticalScale(values, chance, top, bottom) {
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
    if (known(value)) path += (at > 0 && known(values[at - 1]) ? 'L' : 'M') + x(at).toFixed(1) + ' ' + y(value).toFixed(1);
  });
  const line = svg('path', { d: path, class: 'series', style: 'stroke:' + colour(i), 'stroke-dasharray': dash(i) });
  const lone = values.flatMap((value, at) => (known(value) && !known(values[at - 1]) && !known(values[at + 1])
    ? [svg('circle', { cx: x(at), cy: y(value), r: 3, style: 'fill:' + colour(i) })] : []));
  return [line, ...lone];
}

function layerColumn(layer, i, { x, left, right, top, width, layers, height }, lines) {
  const columnWidth = (width - left - right) / layers.length;
  const node = svg('rect', { x: x(i) - columnWidth / 2, y: top, width: columnWidth, height: height - top, class: 'hover',
    'data-scope': 'layer:' + layer.name, ...cellAttributes(0, i, ['layer ' + layer.name, ...lines].join('\n')), role: 'button' });
  node.addEventListener('click', () => chooseScope('layer:' + layer.name));
  return node;
}

/** Buttons that show and hide a series. */
function legend(names, hidden, onToggle) {
  return html('div', { class: 'legend' }, ...names.map((name, i) => {
    const button = html('button', { type: 'button', 'aria-pressed': String(!hidden.has(i)) }, swatch(i), name);
    button.addEventListener('click', () => {
      if (!hidden.delete(i)) hidden.add(i);
      const position = [...button.parentNode.children].indexOf(button);
      const plotNode = button.closest('.plot');
      onToggle();
      plotNode.querySelectorAll('.legend button')[position].focus();
    });
    return button;
  }));
}
const swatch = (i) => html('span', { class: 'swatch', style: 'background:' + colour(i) + (dash(i) ? ';opacity:.6' : '') });

/** Horizontal bars; rows: label, share (of the longest bar allowed), text, tip, colour. */
function horizontalBars(node, width, title, rows) {
  const longest = Math.max(...rows.map(({ label }) => [...label].length));
  const [left, right, height] = [Math.min(24, longest) * 7 + 14, 130, 26];
  const picture = svg('svg', { width, height: height * rows.length + 4, role: 'group', 'aria-label': title });
  rows.forEach(({ label, share: part, text, tip: tipText, fill: paint }, i) => {
    const y = i * height;
    const length = Math.max(0, part) * Math.max(10, width - left - right);
    picture.append(
      svg('text', { x: left - 8, y: y + 17, 'text-anchor': 'end' }, shorten(label, 24)),
      svg('rect', { x: left, y: y + 4, width: Math.max(1, length), height: height - 8, rx: 2, style: 'fill:' + paint, ...cellAttributes(i, 0, tipText) }),
      svg('text', { x: left + length + 8, y: y + 17, class: 'muted' }, text));
  });
  node.append(picture);
}

function drawOverlap(node, width) {
  const { changedBy, parameters } = scope();
  const most = Math.max(...changedBy, 1);
  horizontalBars(node, width, 'elements changed by k experts', changedBy.map((count, k) => ({
    label: k === 0 ? 'none' : k + (k === 1 ? ' expert' : ' experts'),
    share: count / most, fill: k === 0 ? 'var(--c7)' : 'var(--c0)',
    text: share(count / parameters) + ' · ' + measureCount(count),
    tip: count.toLocaleString('en-US') + ' of ' + parameters.toLocaleString('en-US') + ' elements changed by exactly ' + k,
  })));
}
function measureCount(count) {
  const unit = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']].find(([size]) => count >= size);
  return unit ? (count / unit[0]).toPrecision(3) + ' ' + unit[1] : String(count);
}

const ULP_LABELS = ['≤ ½', '1', '2', ...Array.from({ length: 11 }, (_, i) => 2 ** (i + 1) + 1 + '–' + 2 ** (i + 2)), '> 4096'];

function drawUlps(node, width) {
  const histograms = scope().ulps;
  const totals = histograms.map((counts) => counts.reduce((sum, count) => sum + count, 0));
  const shares = histograms.map((counts, i) => counts.map((count) => (totals[i] === 0 ? 0 : count / totals[i])));
  const classes = Math.max(1, ...histograms.map((counts) => counts.findLastIndex((count) => count > 0) + 1));
  const [left, right, top, bottom, height] = [52, 4, 8, 40, 240];
  const scale = verticalScale([0, ...shares.flat()], 0, top, height - bottom);
  const band = (width - left - right) / classes;
  const picture = svg('svg', { width, height, role: 'group', 'aria-label': 'share of changes by size in ULPs; arrow keys move' });
  for (const value of scale.ticks) picture.append(
    svg('line', { x1: left, x2: width - right, y1: scale.y(value), y2: scale.y(value), class: 'axis' }),
    svg('text', { x: left - 8, y: scale.y(value) + 4, 'text-anchor': 'end', class: 'muted' }, Math.round(value * 1000) / 10 + ' %'));
  const bar = (band * 0.8) / data.experts.length;
  for (let c = 0; c < classes; c++) {
    const x = left + c * band;
    shares.forEach((values, i) => picture.append(svg('rect', { x: x + band * 0.1 + i * bar, y: scale.y(values[c] || 0), width: Math.max(0.5, bar - 0.5),
      height: Math.max(0, scale.y(0) - scale.y(values[c] || 0)), style: 'fill:' + colour(i) })));
    if (band >= 44 || c % 2 === 0) picture.append(svg('text', { x: x + band / 2, y: height - bottom + 16, 'text-anchor': 'middle', class: 'muted' }, ULP_LABELS[c]));
    const lines = data.experts.map((name, i) => name + ': ' + share(shares[i][c] || 0));
    picture.append(svg('rect', { x, y: top, width: band, height: height - bottom - top, class: 'hover',
      ...cellAttributes(0, c, [ULP_LABELS[c] + ' ULP', ...lines].join('\n')) }));
  }
  picture.append(svg('text', { x: (left + width) / 2, y: height - 4, 'text-anchor': 'middle', class: 'muted' }, '|τ| in units in the last place of the base value'));
  node.append(html('div', { class: 'legend' }, ...data.experts.map((name, i) => html('span', { class: 'key' }, swatch(i), name))), picture);
}
`;
