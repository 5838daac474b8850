import { describe, expect, it } from 'vitest';
import { formatGeometryHtml } from '../../src/report/geometry-html.js';
import { MOST_TENSORS, makePageData, type PageData } from '../../src/report/html/page-data.js';
import { sampleGeometry } from './sample-geometry.js';
import { withSampleSpectra } from './sample-spectra.js';

const HOSTILE = [
  '<script>alert(1)</script>',
  '</script>',
  '<!--<script>',
  '"><img src=x onerror=alert(1)>',
  "'&amp;\u2028",
];

function embedded(page: string): PageData {
  const [, text] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)!;
  return JSON.parse(text!);
}

describe('geometry.html', () => {
  it('keeps hostile names text, wherever they appear', () => {
    const result = sampleGeometry({ layers: 1, experts: HOSTILE, moreTensors: HOSTILE });
    const page = formatGeometryHtml({ ...result, base: HOSTILE[0]!, tool: HOSTILE[3]! });
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script/g)).toHaveLength(2);
    expect(page).not.toContain('<!--');
    expect(page).not.toContain('<img');
    expect(embedded(page).experts).toEqual(HOSTILE);
    expect(embedded(page).tensors.name).toEqual(expect.arrayContaining(HOSTILE));
  });

  it('refers to nothing outside of itself', () => {
    const page = formatGeometryHtml(sampleGeometry());
    expect(page).toContain("default-src 'none'");
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|\/\/[a-z]+\.|url\(|@import|\bsrc=|\bhref=/i,
    );
    expect(page).not.toMatch(/\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import)\s*\(/);
  });

  it('stays below 1.5 MB with 36 layers and 5 experts', () => {
    const experts = ['math', 'code', 'science', 'if', 'agent'];
    const result = withSampleSpectra(sampleGeometry({ layers: 36, experts }));
    expect(Object.keys(result.tensors).length).toBeGreaterThan(390);
    expect(Buffer.byteLength(formatGeometryHtml(result))).toBeLessThan(1.5e6);
  });

  it('is the same for the same result', () => {
    expect(formatGeometryHtml(sampleGeometry())).toBe(formatGeometryHtml(sampleGeometry()));
  });

  it('has the merge panel only after a merge', () => {
    expect(formatGeometryHtml(sampleGeometry())).toContain('id="merge-plot"');
    expect(formatGeometryHtml(sampleGeometry({ merged: false }))).not.toContain('id="merge-plot"');
  });

  it('has the panel of spectra only where they were asked for', () => {
    const result = sampleGeometry();
    expect(formatGeometryHtml(withSampleSpectra(result))).toContain('id="spectra"');
    const without = formatGeometryHtml(result);
    expect(without).not.toContain('id="spectra');
    expect(embedded(without).spectra).toBeNull();
  });

  it('shows findings without its script, or says that there are none', () => {
    const result = sampleGeometry();
    expect(formatGeometryHtml(result).match(/<li class="/g)).toHaveLength(result.findings.length);
    expect(formatGeometryHtml({ ...result, findings: [] })).toContain('None: no number crosses a threshold.');
  });
});

describe('data of the page', () => {
  it('has every scope, to six digits', () => {
    const result = sampleGeometry({ layers: 12 });
    const data = makePageData(result);
    const layers = data.scopes.filter(({ kind }) => kind === 'layer');
    expect(layers.map(({ name }) => name)).toEqual(Object.keys(result.layers));
    for (const { name, expert, pair } of layers) {
      const scope = result.layers[name]!;
      result.experts.forEach((key, i) => {
        expect(expert.norm![i]! / scope.experts[key]!.norm).toBeCloseTo(1, 5);
      });
      Object.values(scope.pairs).forEach((numbers, i) => {
        expect(pair.cosine![i]! / numbers.cosine!).toBeCloseTo(1, 5);
      });
    }
  });

  it('maps displacement so that cells, weighted by their parameters, add up to their share of the whole', () => {
    const result = sampleGeometry({ layers: 4 });
    const { map } = makePageData(result);
    expect(map.layers).toEqual([0, 1, 2, 3]);
    map.layers.forEach((layer, column) => {
      const cells = map.modules.map((module, row) => {
        const members = Object.entries(result.tensors).filter(
          ([name]) =>
            name.startsWith(`model.layers.${layer}.`) && name.includes(module === 'norm' ? 'norm' : `${module}_proj`),
        );
        const parameters = members.reduce((sum, [, tensor]) => sum + tensor.parameters, 0);
        return map.values[1]![row]![column]! * parameters;
      });
      const scope = result.layers[layer]!;
      const weighted = cells.reduce((sum, cell) => sum + cell, 0) / scope.parameters;
      expect(weighted / scope.experts.code!.displacement_ratio!).toBeCloseTo(1, 4);
    });
  });

  it('keeps the tensors that changed most when there are too many', () => {
    const names = Array.from(
      { length: MOST_TENSORS + 100 },
      (_, i) => `model.layers.0.mlp.experts.${i}.up_proj.weight`,
    );
    const result = sampleGeometry({ layers: 1, hidden: 16, moreTensors: names, experts: ['a', 'b'] });
    const { tensors } = makePageData(result);
    expect(tensors.total).toBe(Object.keys(result.tensors).length);
    expect(tensors.name).toHaveLength(MOST_TENSORS);
    const kept = new Set(tensors.name);
    const energy = (name: string): number =>
      Object.values(result.tensors[name]!.experts).reduce((sum, { norm }) => sum + norm ** 2, 0);
    const leastKept = Math.min(...tensors.name.map(energy));
    for (const name of Object.keys(result.tensors)) {
      if (!kept.has(name)) expect(energy(name)).toBeLessThanOrEqual(leastKept);
    }
  });

  it('has null for values that do not exist', () => {
    const data = makePageData(sampleGeometry({ layers: 1 }));
    const norm = data.scopes.find(({ kind, name }) => kind === 'module' && name === 'norm')!;
    expect(norm.pair.cosine).toEqual(Array(6).fill(null));
    expect(norm.expert.changed_fraction).toEqual([0, 0, 0, 0]);
  });
});
