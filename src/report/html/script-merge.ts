/** Script of geometry.html: the panel of a finished merge. */

export const SCRIPT_MERGE = `
const mergeState = {};

function drawMerge(node, width) {
  const merge = data.merges[Number(byId('merge').value)];
  node.append(mergeTiles(merge.totals), html('h3', {}, 'Kept of each expert (1 = fully)'));
  horizontalBars(node, width, 'retained projection by expert', retainedBars(merge));
  const wrapper = html('div', {
    class: 'scroll',
    tabindex: '0',
    role: 'region',
    'aria-label': 'what the merge kept of each expert',
  });
  node.append(wrapper);
  const keys = Object.keys(merge.expert);
  const metrics = keys.map((key) => data.metrics.merge[key]);
  const columns = [{ label: 'expert', text: true }, ...metrics.map(column)];
  const rows = data.experts.map((name, i) => [
    [name, name],
    ...keys.map((key, k) => cell(metrics[k], merge.expert[key][i])),
  ]);
  const draw = () => table(wrapper, columns, rows, mergeState, draw);
  draw();
}

function mergeTiles(totals) {
  const lost = format('count', totals.lost_to_rounding) + ' of ' + format('count', totals.updated_coordinates);
  const tiles = [
    ['rounding survival', format('share', totals.rounding_survival), lost + ' updates lost'],
    ['norm ratio', format('ratio', totals.norm_ratio), '1: as long as one expert'],
    ['non-finite values', format('count', totals.non_finite), 'NaN or infinite, written'],
  ];
  const tile = ([name, value, note]) =>
    html(
      'div',
      {},
      html('b', {}, value),
      html('div', { class: 'small' }, name),
      html('div', { class: 'muted small' }, note),
    );
  return html('div', { class: 'tiles' }, ...tiles.map(tile));
}

/** Two bars for each expert: in float32, and paler as written. */
function retainedBars({ expert }) {
  const [before, after] = [expert.retained_projection, expert.retained_projection_after_rounding];
  const longest = Math.max(1e-9, ...before, ...after);
  const bar = (i, value, stage, label, fill) => ({
    label,
    fill,
    share: (value || 0) / longest,
    text: format('ratio', value) + ' ' + stage,
    tip: data.experts[i] + ': ' + format('ratio', value) + ' retained ' + stage,
  });
  return data.labels.flatMap((name, i) => [
    bar(i, before[i], 'in float32', name, colour(i)),
    bar(i, after[i], 'as written', '', 'color-mix(in srgb, ' + colour(i) + ' 55%, var(--panel))'),
  ]);
}
`;
