/** Script of geometry.html: bars of the overlap, histogram of changes in ULPs. */

export const SCRIPT_BARS = String.raw`
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
      svg('rect', {
        x: left,
        y: y + 4,
        width: Math.max(1, length),
        height: height - 8,
        rx: 2,
        style: 'fill:' + paint,
        ...cellAttributes(i, 0, tipText),
      }),
      svg('text', { x: left + length + 8, y: y + 17, class: 'muted' }, text),
    );
  });
  node.append(picture);
}

function drawOverlap(node, width) {
  const { changedBy, parameters } = scope();
  const most = Math.max(...changedBy, 1);
  horizontalBars(
    node,
    width,
    'elements changed by k experts',
    changedBy.map((count, k) => ({
      label: k === 0 ? 'none' : k + (k === 1 ? ' expert' : ' experts'),
      share: count / most,
      fill: k === 0 ? 'var(--c7)' : 'var(--c0)',
      text: share(count / parameters) + ' · ' + measureCount(count),
      tip:
        count.toLocaleString('en-US') +
        ' of ' +
        parameters.toLocaleString('en-US') +
        ' elements changed by exactly ' +
        k,
    })),
  );
}
function measureCount(count) {
  const unit = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ].find(([size]) => count >= size);
  return unit ? (count / unit[0]).toPrecision(3) + ' ' + unit[1] : String(count);
}

const ULP_LABELS = [
  '≤ ½',
  '1',
  '2',
  ...Array.from({ length: 11 }, (_, i) => 2 ** (i + 1) + 1 + '–' + 2 ** (i + 2)),
  '> 4096',
];

function drawUlps(node, width) {
  const histograms = scope().ulps;
  const totals = histograms.map((counts) => counts.reduce((sum, count) => sum + count, 0));
  const shares = histograms.map((counts, i) => counts.map((count) => (totals[i] === 0 ? 0 : count / totals[i])));
  const classes = Math.max(1, ...histograms.map((counts) => counts.findLastIndex((count) => count > 0) + 1));
  const frame = { left: 52, right: width - 4, top: 8, bottom: 200, height: 240 };
  const scale = verticalScale([0, ...shares.flat()], 0, frame);
  const band = (frame.right - frame.left) / classes;
  // The longest label is about as wide as this.
  const every = Math.ceil(60 / band);
  const picture = svg('svg', {
    width,
    height: frame.height,
    role: 'group',
    'aria-label': 'share of changes by size in ULPs; arrow keys move',
  });
  picture.append(...grid(scale, frame, (value) => Math.round(value * 1000) / 10 + ' %'));
  for (let c = 0; c < classes; c++) {
    picture.append(
      ...ulpBars(
        shares.map((values) => values[c] || 0),
        frame,
        scale,
        band,
        c,
      ),
    );
    if (c % every === 0)
      picture.append(label(frame.left + (c + 0.5) * band, frame.bottom + 16, ULP_LABELS[c]));
  }
  picture.append(axisTitle(frame, '|τ| in units in the last place of the base value'));
  const keys = data.experts.map((name, i) => html('span', { class: 'key' }, swatch(i), name));
  node.append(html('div', { class: 'legend' }, ...keys), picture);
}

/** Bars of one class, a share for each expert, and the column over them that shows the tooltip. */
function ulpBars(shares, { left, top, bottom }, scale, band, c) {
  const bar = (band * 0.8) / shares.length;
  const x = left + c * band;
  const bars = shares.map((value, i) =>
    svg('rect', {
      x: x + band * 0.1 + i * bar,
      y: scale.y(value),
      width: Math.max(0.5, bar - 0.5),
      height: Math.max(0, scale.y(0) - scale.y(value)),
      style: 'fill:' + colour(i),
    }),
  );
  const rows = data.experts.map((name, i) => name + ': ' + share(shares[i]));
  const tipText = [ULP_LABELS[c] + ' ULP', ...rows].join('\n');
  return [
    ...bars,
    svg('rect', { x, y: top, width: band, height: bottom - top, class: 'hover', ...cellAttributes(0, c, tipText) }),
  ];
}
`;
