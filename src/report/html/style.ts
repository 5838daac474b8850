/** Style of geometry.html: system fonts, one spacing scale, Okabe–Ito colours, light and dark. */

/** Okabe–Ito colours, which people with colour blindness tell apart; yellow is darkened to show on white. */
const LIGHT = `
  color-scheme: light;
  --page: #f6f7f9; --panel: #ffffff; --text: #1b1f24; --muted: #5b6470; --line: #d9dde3; --accent: #0b62a8;
  --cell: #f3f4f6; --above: #0b5394; --below: #8a3a05; --on-strong: #ffffff; --focus: #0b62a8;
  --problem: #b3261e; --warning: #8a5a00; --note: #3a6ea5;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b35a93; --c4: #b07d00; --c5: #3a9bd1; --c6: #6b4fa0; --c7: #5f6670;`;

const DARK = `
  color-scheme: dark;
  --page: #111418; --panel: #1a1f26; --text: #e6e9ee; --muted: #9aa4b1; --line: #313945; --accent: #7cbcf0;
  --cell: #232a33; --above: #4f9ade; --below: #d67d36; --on-strong: #0d1117; --focus: #7cbcf0;
  --problem: #ff8a80; --warning: #f2c14e; --note: #8fc1f0;
  --c0: #56a8e0; --c1: #f0844a; --c2: #35c79a; --c3: #dd93c2; --c4: #e6b84d; --c5: #8fd0f5; --c6: #b39ae6; --c7: #a5afbb;`;

const BASE = `
* { box-sizing: border-box; }
html {
  background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
body { margin: 0 auto; max-width: 1280px; padding: 0 24px 48px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; line-height: 1.3; margin: 0 0 4px; }
h3 { font-size: 14px; margin: 16px 0 4px; }
h4 { font-size: 13px; margin: 12px 0 4px; }
p { margin: 0 0 8px; }
.muted { color: var(--muted); }
.small { font-size: 13px; }
header {
  display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: flex-start; justify-content: space-between;
  padding: 24px 0 16px;
}
header > div { flex: 1 1 300px; min-width: 0; }
button, select, input {
  font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  padding: 4px 10px; max-width: 100%;
}
button { cursor: pointer; }
button:hover { border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
svg :focus-visible { outline-offset: -1px; }
label { display: inline-flex; gap: 8px; align-items: center; font-size: 13px; color: var(--muted); min-width: 0; }
label select, label input { color: var(--text); min-width: 0; }
.toolbar {
  position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center;
  background: var(--page); border-bottom: 1px solid var(--line); padding: 8px 0; margin-bottom: 16px;
}
main { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 16px; }
.panel {
  grid-column: span 12; background: var(--panel); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px; min-width: 0;
}
.panel.half { grid-column: span 6; }
.panel .controls { display: flex; flex-wrap: wrap; gap: 8px 16px; margin: 8px 0; }
.plot { min-height: 40px; }
.scroll { overflow-x: auto; }
.scroll + p { margin-top: 8px; }
.panel > :last-child { margin-bottom: 0; }
svg { display: block; max-width: 100%; }
svg text { fill: var(--text); font-size: 12px; font-variant-numeric: tabular-nums; }
svg text.muted { fill: var(--muted); }
svg .axis { stroke: var(--line); }
svg .reference { stroke: var(--muted); stroke-dasharray: 3 4; }
svg .series { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .series.faint { opacity: 0.45; }
svg .dot { stroke: var(--panel); stroke-width: 1; }
svg .dot.best { stroke: var(--text); stroke-width: 2; }
svg .dot:hover, svg .dot:focus-visible { stroke: var(--text); stroke-width: 2; }
svg .line { opacity: 0.5; cursor: pointer; }
svg .line.best { stroke-width: 4; opacity: 1; }
svg:has(.line:hover) .line:not(:hover), svg:has(.line:focus-visible) .line:not(:focus-visible) { opacity: 0.15; }
svg .line:hover, svg .line:focus-visible { stroke-width: 4; opacity: 1; outline: none; }
.plots { display: flex; flex-wrap: wrap; gap: 8px 16px; }
.plots > .legend { flex-basis: 100%; }
.recipe {
  margin: 0; padding: 12px; overflow-x: auto; background: var(--cell); border-radius: 6px; font-size: 13px; line-height: 1.45;
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
svg .hover { fill: transparent; cursor: pointer; }
svg .hover:hover, svg .hover:focus-visible { fill: color-mix(in srgb, var(--accent) 14%, transparent); }
svg .over-lines { paint-order: stroke; stroke: var(--panel); stroke-width: 4px; stroke-linejoin: round; pointer-events: none; }
svg .cell-text { text-anchor: middle; pointer-events: none; }
svg .cell-text.strong { fill: var(--on-strong); }
`;

const PARTS = `
details { margin-top: 8px; }
.reading { margin: 8px 0; padding-left: 20px; }
.findings { list-style: none; margin: 8px 0 0; padding: 0; display: grid; gap: 8px; }
.findings li { border-left: 4px solid var(--level); padding: 2px 0 2px 12px; overflow-wrap: anywhere; }
.findings .level { color: var(--level); font-weight: 600; text-transform: capitalize; }
.findings strong { font-weight: 600; }
.findings p { margin: 0; font-size: 14px; }
.problem { --level: var(--problem); } .warning { --level: var(--warning); } .note { --level: var(--note); }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.text, th.text { text-align: left; }
thead th { font-weight: 600; color: var(--muted); vertical-align: bottom; white-space: normal; }
thead button {
  border: 0; background: none; padding: 2px 0; font-weight: 600; font-size: 13px; color: var(--muted);
  text-align: inherit; line-height: 1.3;
}
thead button:hover { color: var(--accent); }
th[aria-sort] button { color: var(--text); }
tr { background: var(--panel); }
tbody tr:hover { background: var(--cell); }
.scroll :is(th, td):first-child { position: sticky; left: 0; background: inherit; }
.name { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; }
.definitions td, .definitions th {
  text-align: left; white-space: normal; vertical-align: top; min-width: 110px; padding-right: 16px;
}
summary { cursor: pointer; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 8px; margin: 8px 0; }
.legend button {
  display: inline-flex; gap: 6px; align-items: center; font-size: 12px; padding: 1px 8px; max-width: 100%;
  overflow-wrap: anywhere; text-align: left;
}
.legend button[aria-pressed="false"] { opacity: 0.45; }
.legend span.key { display: inline-flex; gap: 6px; align-items: center; font-size: 12px; }
.swatch { width: 14px; height: 10px; border-radius: 2px; flex: none; }
.ramp {
  display: flex; gap: 8px; align-items: center; font-size: 12px; color: var(--muted);
  font-variant-numeric: tabular-nums; margin-top: 8px;
}
.ramp i { width: 120px; height: 10px; border-radius: 2px; }
.tiles { display: flex; flex-wrap: wrap; gap: 8px 32px; margin: 8px 0 16px; }
.tiles div { min-width: 110px; }
.tiles b { display: block; font-size: 22px; line-height: 1.2; font-variant-numeric: tabular-nums; font-weight: 600; }
#tip {
  position: fixed; z-index: 9; pointer-events: none; max-width: 340px; background: var(--text);
  color: var(--panel); font-size: 12px; line-height: 1.45; border-radius: 6px; padding: 6px 10px;
  white-space: pre-line; overflow-wrap: anywhere; font-variant-numeric: tabular-nums;
}
#tip[hidden] { display: none; }
@media (max-width: 900px) { .panel.half { grid-column: span 12; } }
@media (max-width: 560px) {
  body { padding: 0 12px 32px; } .panel { padding: 12px; } h1 { font-size: 20px; } .toolbar { position: static; }
  .scroll td:first-child:not(.mark) { min-width: 96px; max-width: 160px; white-space: normal; overflow-wrap: anywhere; }
  .scroll td.name:first-child { min-width: 150px; }
}
@media print {
  body { max-width: none; padding: 0; } .toolbar, #theme, #tip, #more { display: none !important; }
  .panel { break-inside: avoid; } .panel.long { break-inside: auto; } .scroll { overflow: visible; }
  table, thead button, .name { font-size: 9px; } th, td { padding: 2px 3px; } td.text { white-space: normal; } td.name { overflow-wrap: anywhere; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

/** The whole style sheet. Colours follow the system unless `data-theme` on the root says otherwise; print is light. */
export const PAGE_STYLE = `:root {${LIGHT}}
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) {${DARK}} }
:root[data-theme="dark"] {${DARK}}
@media print { :root:root:root {${LIGHT}} }
${BASE}${PARTS}`;
