/** Script of every page: axes, lines with gaps, and legends that show and hide a series. */

export const SCRIPT_AXES = `
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
