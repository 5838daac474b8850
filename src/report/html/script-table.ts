/** Script of geometry.html: the tables of experts, pairs and tensors. */

export const SCRIPT_TABLE = String.raw`
const explanation = (metric) =>
  [metric.formula, metric.chance && 'by chance: ' + metric.chance, metric.source].filter(Boolean).join('\n');
const column = (metric) => ({ label: metric.label, title: explanation(metric) });
const cell = (metric, value) => [format(metric.unit, value), value];

const sortStates = {
  experts: {},
  pairs: {},
  tensors: {},
  'spectra-experts': {},
  'spectra-pairs': {},
  spectra: {},
};

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
  const query = byId('tensor-filter').value.trim().toLowerCase();
  const matching = tensors.name.flatMap((name, t) =>
    (name + ' ' + tensors.module[t]).toLowerCase().includes(query) ? [t] : [],
  );
  const expertKeys = Object.keys(tensors.expert);
  const pairKeys = data.pairs.length === 0 ? [] : Object.keys(tensors.pair);
  const columns = [
    { label: 'tensor', text: true, mono: true },
    { label: 'layer' },
    { label: 'module', text: true },
    { label: 'parameters' },
    ...expertKeys.map((key) => column(data.metrics.expert[key])),
    ...pairKeys.map((key) => column(data.metrics.pair[key])),
  ];
  const rows = matching.map((t) => tensorRow(t, expertKeys, pairKeys));
  table(byId('tensors'), columns, rows, sortStates.tensors, drawTensors);
  showSome(rows.length);
}

function tensorRow(t, expertKeys, pairKeys) {
  const { tensors, metrics } = data;
  const [expert, pair] = [Number(byId('tensor-expert').value), Number(byId('tensor-pair').value || 0)];
  return [
    [tensors.name[t], tensors.name[t]],
    [tensors.layer[t] === null ? NO_VALUE : String(tensors.layer[t]), tensors.layer[t]],
    [tensors.module[t], tensors.module[t]],
    [format('count', tensors.parameters[t]), tensors.parameters[t]],
    ...expertKeys.map((key) => cell(metrics.expert[key], tensors.expert[key][t][expert])),
    ...pairKeys.map((key) => cell(metrics.pair[key], tensors.pair[key][t][pair])),
  ];
}

/** Leaves the first rows of the table and says how many there are. */
function showSome(count) {
  const { total, name } = data.tensors;
  const shown = allTensors ? count : Math.min(count, TENSORS_AT_FIRST);
  const body = byId('tensors').querySelector('tbody');
  while (body.rows.length > shown) body.deleteRow(-1);
  const limit = total > name.length ? '; this page holds the ' + name.length + ' that changed most' : '';
  byId('tensor-count').textContent = shown + ' of ' + total + ' tensors shown' + limit;
  byId('more').hidden = shown === count;
  byId('more').textContent = 'Show all ' + count;
}
`;
