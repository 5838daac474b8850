/** Script of every page: the data, making elements, numbers as text, tooltips and moving between cells. */

export const SCRIPT_CORE = `
const data = JSON.parse(document.getElementById('data').textContent);
const NO_VALUE = '–';

function element(namespace, tag, attributes, children) {
  const node = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...(children || []));
  return node;
}
const html = (tag, attributes, ...children) => element(null, tag, attributes, children);
const svg = (tag, attributes, ...children) => element('http://www.w3.org/2000/svg', tag, attributes, children);
const byId = (id) => document.getElementById(id);

function measure(value) {
  const size = Math.abs(value);
  if (value === 0) return '0';
  return size < 1e-3 || size >= 1e4 ? value.toExponential(2) : value.toPrecision(3);
}
function share(value) {
  const percent = value * 100;
  if (percent === 0 || percent === 100) return percent + ' %';
  if (percent < 0.01) return '< 0.01 %';
  if (percent < 100 && percent >= 99.95) return '> 99.9 %';
  return (percent < 10 ? percent.toFixed(2) : percent.toFixed(1)) + ' %';
}
const plain = (text) => (Number(text) === 0 ? text.replace('-', '') : text);
function milli(value) {
  const text = plain((value * 1000).toFixed(1));
  return value > 0 && Number(text) !== 0 ? '+' + text : text;
}
const UNITS = {
  share,
  measure,
  milli,
  ratio: (value) => plain(value.toFixed(2)),
  score: (value) => plain(value.toFixed(1)),
  count: (value) => value.toLocaleString('en-US'),
};
const format = (unit, value) => (value === null || value === undefined ? NO_VALUE : UNITS[unit](value));

function shorten(text, most) {
  const characters = [...text];
  if (characters.length <= most) return text;
  const tail = Math.floor((most - 1) / 2);
  return characters.slice(0, most - 1 - tail).join('') + '…' + characters.slice(characters.length - tail).join('');
}
const colour = (i) => 'var(--c' + (i % 8) + ')';
/** From the ninth line on, dashes tell lines of the same colour apart. */
const dash = (i) => ['', '6 3', '2 3', '8 3 2 3'][Math.floor(i / 8) % 4];

function select(id, groups, chosen, onChange) {
  const node = byId(id);
  for (const [label, options] of groups) {
    if (options.length === 0) continue;
    const items = options.map(([value, text]) => html('option', { value }, text));
    if (label === '') node.append(...items);
    else node.append(html('optgroup', { label }, ...items));
  }
  node.value = chosen;
  node.addEventListener('change', () => onChange(node.value));
}

/** Draws now and whenever the width of the node changes; draw(node, width). */
const drawings = new Map();
const resized = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const drawing = drawings.get(target);
    if (drawing && Math.abs(drawing.width - contentRect.width) >= 1) redraw(target);
  }
});
function redraw(node) {
  const drawing = drawings.get(node);
  drawing.width = node.clientWidth;
  node.replaceChildren();
  drawing.draw(node, drawing.width);
}
function plot(id, draw) {
  const node = byId(id);
  drawings.set(node, { draw, width: 0 });
  resized.observe(node);
  redraw(node);
}

addEventListener('beforeprint', () => {
  for (const node of drawings.keys()) redraw(node);
});

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
}
byId('theme').addEventListener('click', switchTheme);

const tip = byId('tip');
function showTip(target) {
  const text = target.getAttribute('data-tip');
  if (!text) return;
  tip.textContent = text;
  tip.hidden = false;
  const box = target.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left + box.width / 2 - tip.offsetWidth / 2, innerWidth - tip.offsetWidth - 8));
  const above = box.top - tip.offsetHeight - 6;
  tip.style.left = left + 'px';
  tip.style.top = (above > 4 ? above : Math.min(box.bottom + 6, innerHeight - tip.offsetHeight - 4)) + 'px';
}
const hideTip = () => {
  tip.hidden = true;
};
for (const type of ['mouseover', 'focusin']) {
  document.addEventListener(type, (event) => {
    const target = event.target.closest('[data-tip]');
    if (target) showTip(target);
    else hideTip();
  });
}
document.addEventListener('focusout', hideTip);
/** Focus can scroll its cell into view: the tip of that cell moves along, that of a mouse goes. */
document.addEventListener(
  'scroll',
  () => {
    const focused = document.activeElement;
    if (!tip.hidden && focused.getAttribute('data-tip') === tip.textContent) showTip(focused);
    else hideTip();
  },
  { passive: true, capture: true },
);

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') hideTip();
  const cell = event.target.closest && event.target.closest('[data-row]');
  if (!cell) return;
  if ((event.key === 'Enter' || event.key === ' ') && cell.getAttribute('role') === 'button') {
    event.preventDefault();
    cell.dispatchEvent(new MouseEvent('click', { bubbles: true }));
  }
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const [row, column] = [Number(cell.dataset.row) + step[0], Number(cell.dataset.column) + step[1]];
  const next = cell.ownerSVGElement.querySelector('[data-row="' + row + '"][data-column="' + column + '"]');
  if (!next) return;
  cell.setAttribute('tabindex', '-1');
  next.setAttribute('tabindex', '0');
  next.focus();
});
/** Attributes of a cell that arrow keys reach; only the first of a picture is a tab stop. */
const cellAttributes = (row, column, text) => ({
  'data-row': row,
  'data-column': column,
  'data-tip': text,
  'aria-label': text,
  role: 'img',
  tabindex: row === 0 && column === 0 ? '0' : '-1',
});
`;
