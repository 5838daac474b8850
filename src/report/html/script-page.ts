/** Script of geometry.html: which scope and metrics are chosen, and what is drawn for them. */

export const SCRIPT_PAGE = `
const pairNames = data.pairs.map(([i, j]) => data.experts[i] + ' – ' + data.experts[j]);
const scopeKey = ({ kind, name }) => kind + ':' + name;
let chosenScope = scopeKey(data.scopes[0]);
const scope = () => data.scopes.find((candidate) => scopeKey(candidate) === chosenScope);
const titleOf = ({ kind, name }) => ({ global: '', layer: 'layer ', module: 'module ' })[kind] + name;
const scopeTitle = () => titleOf(scope());

const EXPERT_COLUMNS = [
  'changed_fraction',
  'changed_fraction_absolute',
  'norm',
  'relative_norm',
  'displacement_ratio',
  'energy_top_1_percent',
  'energy_top_20_percent',
  'low_magnitude_lift',
  'unique',
  'shared',
];
const PAIR_COLUMNS = [
  'cosine',
  'sign_flip_z',
  'jaccard',
  'jaccard_null_independent',
  'jaccard_null_exponent',
  'jaccard_lift',
  'sign_conflict_on_overlap',
  'cosine_on_overlap',
  'distance',
  'norm_ratio',
];

function drawScope() {
  for (const node of document.querySelectorAll('[data-scope-title]')) node.textContent = scopeTitle();
  drawScopeTable('experts', 'expert', data.experts, EXPERT_COLUMNS);
  if (data.pairs.length > 0) drawScopeTable('pairs', 'pair', pairNames, PAIR_COLUMNS);
  if (data.spectra) drawSpectraOfScope();
  for (const id of ['heat-left', 'heat-right', 'overlap', 'ulps']) redraw(byId(id));
  const {
    exact_cancellation_on_overlap: [cancelled],
    conflict_mass: [conflict],
  } = scope().group;
  byId('group-numbers').textContent =
    'Exact cancellation on the overlap: ' +
    format('share', cancelled) +
    '. Conflict mass: ' +
    format('share', conflict) +
    '.';
}
function chooseScope(key) {
  chosenScope = key;
  byId('scope').value = key;
  drawScope();
}

const options = (kind, prefix, keys) => keys.map((key) => [prefix + key, data.metrics[kind][key].label]);
const scopesOf = (kind, prefix) =>
  data.scopes.filter((item) => item.kind === kind).map((item) => [scopeKey(item), prefix + item.name]);
const expertOptions = data.experts.map((name, i) => [String(i), name]);

function fillControls() {
  const scopeGroups = [
    ['', scopesOf('global', '')],
    ['Layers', scopesOf('layer', 'layer ')],
    ['Modules', scopesOf('module', '')],
  ];
  select('scope', scopeGroups, chosenScope, chooseScope);
  const pairMetrics = [['', options('pair', '', Object.keys(data.metrics.pair))]];
  select('metric-left', pairMetrics, 'cosine', () => redraw(byId('heat-left')));
  select('metric-right', pairMetrics, 'jaccard_lift', () => redraw(byId('heat-right')));
  select('metric-lines', lineMetrics(), 'expert:displacement_ratio', () => {
    explain('lines-note', byId('metric-lines').value);
    redraw(byId('lines'));
  });
  select('map-expert', [['', expertOptions]], '0', () => redraw(byId('map')));
  select('tensor-expert', [['', expertOptions]], '0', drawTensors);
  select('tensor-pair', [['', pairNames.map((name, i) => [String(i), name])]], '0', drawTensors);
  byId('tensor-filter').addEventListener('input', drawTensors);
  byId('more').addEventListener('click', () => {
    allTensors = true;
    drawTensors();
  });
}

function lineMetrics() {
  const hotspots = data.scopes.some(({ group }) => group.jaccard) ? Object.keys(data.metrics.hotspot) : [];
  return [
    ['Experts', options('expert', 'expert:', Object.keys(data.metrics.expert))],
    ['Pairs', data.pairs.length === 0 ? [] : options('pair', 'pair:', Object.keys(data.metrics.pair))],
    ['Group', options('group', 'group:', ['conflict_mass', 'exact_cancellation_on_overlap'])],
    ['MLP channels', options('hotspot', 'hotspot:', hotspots)],
  ];
}

/** Formula of the chosen metric, and its value by chance, as the text of a note. */
function explain(id, choice) {
  const { metric } = lineSeries(choice);
  byId(id).textContent = metric.formula + (metric.chance ? '. By chance: ' + metric.chance : '') + '.';
}

fillControls();
plot('heat-left', (node, width) => pairMap(node, width, byId('metric-left').value));
plot('heat-right', (node, width) => pairMap(node, width, byId('metric-right').value));
explain('lines-note', byId('metric-lines').value);
plot('lines', (node, width) => drawLines(node, width, byId('metric-lines').value));
plot('map', (node, width) => displacementMap(node, width, Number(byId('map-expert').value)));
plot('overlap', drawOverlap);
plot('ulps', drawUlps);
if (data.merges.length > 0) {
  select('merge', [['', data.merges.map(({ name }, i) => [String(i), name])]], '0', () => redraw(byId('merge-plot')));
  plot('merge-plot', drawMerge);
}
if (data.spectra) startSpectra();
drawScope();
drawTensors();
document.documentElement.dataset.ready = 'yes';
`;
