/** Script of sweep.html: metrics side by side, parallel coordinates, the table, the winner, and what is chosen. */

export const SCRIPT_SWEEP_PAGE = `
const hiddenMetrics = new Set();

/** Groups of variants that differ in the chosen setting alone, those with the best variant first. */
const domainGroups = () => groupsBut(Number(byId('domain-setting').value)).filter(({ length }) => length > 1);

function fillDomainGroups() {
  const s = Number(byId('domain-setting').value);
  const texts = domainGroups().map(([row]) =>
    data.settings
      .map(({ name }, other) =>
        other === s || row.settings[other] === null ? '' : name + ' ' + settingText(row, other),
      )
      .filter(Boolean)
      .join(', '),
  );
  byId('domain-group').replaceChildren(...texts.map((text, i) => html('option', { value: String(i) }, text || 'all')));
}

function drawDomains(node, width) {
  const s = Number(byId('domain-setting').value);
  const rows = domainGroups()[Number(byId('domain-group').value)];
  if (rows === undefined)
    return node.append(html('p', { class: 'muted' }, 'No two variants differ in this setting alone.'));
  const metrics = measuresOf('metric');
  const shown = metrics.map((_, i) => i).filter((i) => !hiddenMetrics.has(i));
  const frame = { left: 56, right: width - 8, top: 10, bottom: 226, height: 264 };
  const scale = settingScale(s, frame.left, frame.right);
  const valuesOf = (i) => rows.map(({ values }) => values[metrics[i]]);
  const vertical = verticalScale(shown.flatMap(valuesOf).filter(known), undefined, frame);
  const picture = frameOf(width, frame, data.settings[s].name, 'metrics');
  picture.append(...grid(vertical, frame, figure), ...placeLabels(scale, frame.bottom + 16));
  const x = (at) => scale.x(rows[at].settings[s]);
  for (const i of shown) picture.append(...seriesLine(valuesOf(i), x, vertical.y, i));
  rows.forEach((row, at) => {
    const half =
      rows.length === 1
        ? 20
        : Math.max(6, Math.min(...rows.map((_, other) => (other === at ? Infinity : Math.abs(x(at) - x(other))))) / 2);
    const column = { x: x(at) - half, y: frame.top, width: 2 * half, height: frame.bottom - frame.top, class: 'hover' };
    picture.append(svg('rect', { ...column, ...cellAttributes(0, at, tipOf(row)) }));
  });
  node.append(
    legend(
      metrics.map((m) => data.measures[m].label),
      hiddenMetrics,
      () => redraw(node),
    ),
    picture,
  );
}

/** Axes of the parallel coordinates: settings first, then score and metrics, then the geometry of the whole. */
function parallelAxes(frame) {
  const settings = varied.map((s) => {
    const scale = settingScale(s, frame.top, frame.bottom);
    const y = (index) => frame.top + frame.bottom - scale.x(index);
    return {
      name: data.settings[s].name,
      y: (row) => (row.settings[s] === null ? undefined : y(row.settings[s])),
      labels: scale.labels.map(([i, text]) => [y(i), text]),
    };
  });
  const measures = [...measuresOf('score', 'metric'), ...measuresOf('geometry').slice(0, 3)].map((m) => {
    const values = data.rows.map((row) => row.values[m]).filter(known);
    const scale = verticalScale(values, undefined, frame);
    return {
      name: data.measures[m].label,
      y: (row) => (known(row.values[m]) ? scale.y(row.values[m]) : undefined),
      labels: scale.ticks.map((value) => [scale.y(value), figure(value)]),
    };
  });
  return [...settings, ...measures];
}

/** Characters of the labels of an axis, which stand at its right, and pixels between axes, which hold them. */
const AXIS_LABEL = 13;
const AXIS_ROOM = 98;

function drawParallel(node, width) {
  const frame = { top: 34, bottom: 296, height: 310 };
  const axes = parallelAxes(frame);
  const own = Math.max(width, axes.length * AXIS_ROOM);
  const x = (a) => 12 + (a * (own - 112)) / Math.max(1, axes.length - 1);
  const picture = svg('svg', {
    width: own,
    height: frame.height,
    style: 'max-width:none',
    role: 'group',
    'aria-label': 'variants through all settings and numbers; up and down move',
  });
  axes.forEach((_, a) => {
    picture.append(svg('line', { x1: x(a), x2: x(a), y1: frame.top, y2: frame.bottom, class: 'axis' }));
  });
  // The best last, so that it lies on top; rows are best first for the keyboard.
  const lines = data.rows.map((row, i) => {
    const points = axes.map(({ y }, a) => ({ x: x(a), y: y(row) })).filter(({ y }) => y !== undefined);
    const line = {
      d: path(points),
      class: row.best ? 'series line best' : 'series line',
      style: 'stroke:' + colourOf(row),
    };
    return svg('path', { ...line, ...cellAttributes(i, 0, tipOf(row)) });
  });
  picture.append(...lines.reverse(), ...axes.flatMap((axis, a) => axisLabels(axis, x(a))));
  node.append(colourKey(), picture);
}

/** Name and values of an axis, to be drawn over the lines. */
function axisLabels({ name, labels }, x) {
  return [
    svg('text', { x: x - 4, y: 14 }, shorten(name, AXIS_LABEL)),
    ...labels.map(([y, text]) =>
      svg('text', { x: x + 6, y: y + 4, class: 'muted over-lines' }, shorten(text, AXIS_LABEL)),
    ),
  ];
}

const sortState = {};
function drawVariants() {
  const columns = [
    { label: '', text: true, mark: true, title: '★ wins, ◆ is not beaten' },
    ...data.settings.map(({ name, numeric }) => ({ label: name, text: !numeric })),
    ...data.measures.map(({ label }) => ({ label })),
    { label: 'seconds', title: 'wall time of the evaluation' },
    ...(data.rows.some(({ problem }) => problem) ? [{ label: 'problem', text: true }] : []),
  ];
  const rows = data.rows.map((row) => [
    [row.best ? '★' : row.unbeaten ? '◆' : '', row.best ? '0' : row.unbeaten ? '1' : '2'],
    ...data.settings.map(({ numeric }, s) => [settingText(row, s), numeric ? row.settings[s] : settingText(row, s)]),
    ...row.values.map((value) => [figure(value), value]),
    [row.seconds === null ? NO_VALUE : row.seconds.toFixed(1), row.seconds],
    ...(columns.at(-1).label === 'problem' ? [[row.problem || '', row.problem]] : []),
  ]);
  table(byId('variants'), columns, rows, sortState, drawVariants);
}

function drawWinner() {
  const winner = data.rows.find(({ best }) => best);
  const tile = (m) =>
    html('div', {}, html('b', {}, figure(winner.values[m])), html('div', { class: 'small' }, data.measures[m].label));
  byId('winner').append(...[...measuresOf('score', 'metric'), ...measuresOf('geometry').slice(0, 3)].map(tile));
  byId('copy').addEventListener('click', () => {
    getSelection().selectAllChildren(byId('recipe'));
    // Works without permission and from a file; what it does not copy is selected.
    byId('copied').textContent = document.execCommand('copy') ? 'copied' : 'selected: copy it with the keyboard';
  });
}

const optionsOf = (indices, names) => [['', indices.map((i) => [String(i), names[i]])]];
const measureNames = data.measures.map((measure) => measure.label);
const settingNames = data.settings.map(({ name }) => name);
const has = (id) => byId(id) !== null;
const redrawAll = () => {
  for (const id of ['against', 'domains', 'front', 'geometry', 'parallel']) if (has(id)) redraw(byId(id));
};

function fillControls() {
  const metrics = measuresOf('metric');
  const judged = measuresOf('score', 'metric');
  shownMeasure = judged[0] ?? 0;
  colourSetting = varied.find((s) => !data.settings[s].numeric) ?? varied[0] ?? null;
  if (has('metric')) {
    select(
      'metric',
      optionsOf(judged.length > 0 ? judged : data.measures.map((_, m) => m), measureNames),
      String(shownMeasure),
      (value) => {
        shownMeasure = Number(value);
        redrawAll();
      },
    );
  }
  if (has('colour')) {
    select('colour', optionsOf(varied, settingNames), String(colourSetting), (value) => {
      colourSetting = Number(value);
      redrawAll();
    });
  }
  if (has('domains')) {
    const numeric = varied.find((s) => data.settings[s].numeric) ?? varied[0];
    select('domain-setting', optionsOf(varied, settingNames), String(numeric), () => {
      fillDomainGroups();
      redraw(byId('domains'));
    });
    fillDomainGroups();
    byId('domain-group').addEventListener('change', () => redraw(byId('domains')));
    select('front-x', optionsOf(metrics, measureNames), String(metrics[0]), () => redraw(byId('front')));
    select('front-y', optionsOf(metrics, measureNames), String(metrics[1]), () => redraw(byId('front')));
  }
}

fillControls();
if (has('winner')) drawWinner();
for (const [id, draw] of [
  ['against', drawAgainst],
  ['domains', drawDomains],
  ['front', drawFront],
  ['geometry', drawGeometry],
  ['parallel', drawParallel],
]) {
  if (has(id)) plot(id, draw);
}
drawVariants();
document.documentElement.dataset.ready = 'yes';
`;
