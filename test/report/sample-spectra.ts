/** Made-up spectra for a made-up group: heads that agree more than tails among the first experts, deeper layers more so. */
import { expertPairs } from '../../src/geometry/expert-pairs.js';
import type { GeometryResult, ScopeGeometry } from '../../src/geometry/result.js';
import { withSpectra } from '../../src/geometry/spectral.js';
import type { SpectralSums } from '../../src/geometry/spectrum.js';
import { randomSource } from './sample-tensors.js';

/** The group as `geometry --spectral` would give it. Tensors that nobody changed have no spectrum. */
export function withSampleSpectra(result: GeometryResult): GeometryResult {
  const random = randomSource(11);
  const spectra = Object.entries(result.tensors).flatMap(([name, tensor]) =>
    result.experts.some((expert) => tensor.experts[expert]!.norm > 0)
      ? [[name, sampleSums(tensor, result.experts, layerOf(name) ?? 0, random)] as const]
      : [],
  );
  return { ...result, ...withSpectra(result, new Map(spectra), result.experts, layerOf) };
}

function layerOf(tensor: string): number | undefined {
  const [, layer] = /layers\.(\d+)\./.exec(tensor) ?? [];
  return layer === undefined ? undefined : Number(layer);
}

function sampleSums(
  tensor: ScopeGeometry,
  experts: readonly string[],
  layer: number,
  random: () => number,
): SpectralSums {
  const energy = experts.map((expert) => tensor.experts[expert]!.norm ** 2);
  const heads = energy.map((squares) => squares * (0.02 + 0.05 * random()));
  const base = tensor.parameters * 4e-5;
  const headDots = expertPairs(experts).map(({ first, second }) => {
    const [i, j] = [experts.indexOf(first), experts.indexOf(second)];
    const cosine = j < 3 ? 0.02 + 0.004 * layer : 0.02 * (random() - 0.5);
    return cosine * Math.sqrt(heads[i]! * heads[j]!);
  });
  return {
    heads,
    leading: heads.map((head) => head * (2 + random())),
    base,
    shifts: experts.map((_, i) => base * ((i + 1) * 2e-5) ** 2),
    leftAngles: experts.map(() => 0.01 + 0.02 * random()),
    rightAngles: experts.map(() => 0.01 + 0.02 * random()),
    headDots,
    crossDots: headDots.map((dot) => 2 * dot),
  };
}
