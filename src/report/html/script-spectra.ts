/** Script of geometry.html: the panel of spectra, there after `geometry --spectral`. */

export const SCRIPT_SPECTRA = `
/** Follows the scope of the page. */
function drawSpectraOfScope() {
  const { matrices } = scope();
  byId('spectra-count').textContent =
    matrices === 0 ? 'No matrix with a spectrum here.' : 'Of ' + format('count', matrices) + (matrices === 1 ? ' matrix.' : ' matrices.');
  drawScopeTable('spectra-experts', 'expert', data.experts, data.spectra.expert);
  if (data.pairs.length > 0) drawScopeTable('spectra-pairs', 'pair', pairNames, ['cosine', ...data.spectra.pair]);
}

/** Kinds of module and layers that have a matrix, each with the title of its picture. */
const spectralScopes = () =>
  [
    ['module', 'By kind of module'],
    ['layer', 'By layer'],
  ].flatMap(([kind, title]) => {
    const scopes = data.scopes.filter((item) => item.kind === kind && item.matrices > 0);
    return scopes.length === 0 ? [] : [{ kind, title, scopes }];
  });

/** Both names shortened alike: what tells pairs apart can be in the middle of the whole. */
function shortPairName(pair, room) {
  const names = pair.map((i) => data.labels[i]);
  const whole = names.join(' – ');
  return [...whole].length <= room ? whole : names.map((name) => shorten(name, (room - 3) / 2)).join(' – ');
}

/** One map of experts or pairs over the kinds of module, one over the layers, in the same colours. */
function drawSpectra(node, width, choice) {
  const { metric, valuesOf } = lineSeries(choice);
  const rowRoom = width < 500 ? 15 : 27;
  const rows = choice.startsWith('pair:') ? data.pairs.map((pair) => shortPairName(pair, rowRoom)) : data.labels;
  const groups = spectralScopes();
  const values = groups.flatMap(({ scopes }) => scopes.flatMap(valuesOf));
  const centred = metric.chanceValue !== undefined;
  const scale = { unit: metric.unit, centre: 0, extent: extentAround(0, values, metric.unit), upwards: !centred };
  for (const { kind, title, scopes } of groups) {
    node.append(html('h4', {}, title));
    heatMap(node, width, {
      ...scale,
      title: metric.label + ' ' + title.toLowerCase(),
      rows,
      rowRoom,
      columns: scopes.map(({ name }) => name),
      sparseColumns: kind === 'layer',
      value: (row, column) => valuesOf(scopes[column])[row],
      tipOf: (row, column) => spectralTip(choice, row, scopes[column]),
    });
  }
}

/** All spectral numbers of an expert or a pair in a scope. */
function spectralTip(choice, row, of) {
  const [kind] = choice.split(':');
  const keys = kind === 'pair' ? ['cosine', ...data.spectra.pair] : data.spectra.expert;
  const lines = keys.map((key) => data.metrics[kind][key].label + ': ' + format(data.metrics[kind][key].unit, of[kind][key][row]));
  return [(kind === 'pair' ? pairNames : data.experts)[row] + ', ' + titleOf(of), ...lines].join('\\n');
}

/** What the maps show, as a table: kinds of module and layers down, experts or pairs across. */
function drawSpectraTable() {
  const { metric, names, valuesOf } = lineSeries(byId('metric-spectra').value);
  const columns = [{ label: 'scope', text: true }, ...names.map((name) => ({ label: name }))];
  const rows = spectralScopes()
    .flatMap(({ scopes }) => scopes)
    .map((of) => [[titleOf(of), titleOf(of)], ...valuesOf(of).map((value) => cell(metric, value))]);
  table(byId('spectra-table'), columns, rows, sortStates.spectra, drawSpectraTable);
}

function startSpectra() {
  const metrics = [
    ['Experts', options('expert', 'expert:', data.spectra.expert)],
    ['Pairs', data.pairs.length === 0 ? [] : options('pair', 'pair:', data.spectra.pair)],
  ];
  const show = () => {
    explain('spectra-note', byId('metric-spectra').value);
    drawSpectraTable();
  };
  select('metric-spectra', metrics, data.pairs.length === 0 ? 'expert:head_share' : 'pair:head_cosine', () => {
    show();
    redraw(byId('spectra'));
  });
  plot('spectra', (node, width) => drawSpectra(node, width, byId('metric-spectra').value));
  show();
}
`;
