/** Script of geometry.html: lines over layers. */

export const SCRIPT_LINES = String.raw`
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
`;
