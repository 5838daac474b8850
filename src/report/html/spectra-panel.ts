/** The fixed part of the panel of spectra: how to read it, and the frames that the script draws into. */
import { panel, scrolling } from './page.js';

/** What to do about what the numbers say. HTML. */
const READING = `<ul class="reading small">
<li><strong>Shift and angles</strong>: RL shifts the leading singular values by 1e-5 to 6e-5, SFT by about 0.1
(arXiv 2511.08567). Try an expert that is far above the others with a smaller weight, and look at how it was trained.</li>
<li><strong>Stable rank near 1</strong>, or most of ‖τ‖² in the leading 8: few directions carry the change. Where the rank
is high, methods that keep few directions (<code>tsv</code>) lose much of it.</li>
<li><strong>Heads that agree more than tails</strong>: a sum counts the direction they share once for each expert. Sweep
smaller λ, or try <code>resmerge</code>, which weighs heads and tails apart. Heads below 0 cancel in a sum.</li></ul>`;

/** `scopeTitle` is the HTML that names the scope of the page. */
export function formatSpectraPanel(scopeTitle: string, hasPairs: boolean): string {
  const pairs = `<h3>Heads and tails of pairs · ${scopeTitle}</h3>${scrolling('spectra-pairs', 'heads and tails of each pair')}`;
  return panel(
    `Spectra · ${scopeTitle}`,
    `<p class="muted small" id="spectra-count"></p>
${READING}
${scrolling('spectra-experts', 'spectra of each expert')}
${hasPairs ? pairs : ''}
<h3>Where in the model</h3>
<div class="controls"><label>Metric <select id="metric-spectra"></select></label></div>
<p class="muted small" id="spectra-note"></p><div class="plot" id="spectra"></div>
<details><summary>The same as a table</summary>${scrolling('spectra-table', 'this metric by kind of module and layer')}
</details>`,
  );
}
