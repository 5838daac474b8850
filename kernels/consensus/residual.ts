/** How residuals and heads are weighed (ResMerge, arXiv 2606.02252), from their inner products alone. */
import { numberOf, type Settings } from '../parameters.js';
import type { HeadProducts } from '../spectral/head-products.js';
import type { LeadingDirections } from '../spectral/leading-directions.js';
import { dot as innerProduct } from '../spectral/vectors.js';
import { dot } from '../statistics/gram.js';

/** Lengths up to this are none (the authors' constant). */
const SMALLEST = 1e-8;

type Matrix = readonly (readonly number[])[];

export interface ResidualCoefficients {
  readonly ofVectors: readonly number[];
  readonly ofHeads: readonly number[];
}

/** Coefficients of τᵢ and of Hᵢ in the merged task vector. */
export function residualCoefficients(
  { mixed, heads }: HeadProducts,
  { gram, directions }: LeadingDirections,
  settings: Settings,
): ResidualCoefficients {
  const { size } = gram;
  const matrix = (at: (i: number, j: number) => number): Matrix =>
    Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_unused, j) => at(i, j)));
  const ofHeads = matrix((i, j) => heads[i * size + j]! * innerProduct(directions[i]!, directions[j]!));
  const ofResiduals = matrix((i, j) => dot(gram, i, j) - mixed[i * size + j]! - mixed[j * size + i]! + ofHeads[i]![j]!);
  const tail = tailCoefficients(ofResiduals, settings);
  const anchor = Math.sqrt(Math.max(0, quadratic(ofResiduals, tail)));
  const head = headShare(ofHeads, anchor, numberOf(settings, 'rho'));
  return { ofVectors: tail, ofHeads: tail.map((share) => head - share) };
}

const lengthsOf = (products: Matrix): number[] => products.map((row, i) => Math.sqrt(Math.max(0, row[i]!)));
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const clamp = (value: number): number => Math.min(1, Math.max(0, value));

function quadratic(products: Matrix, vector: readonly number[]): number {
  return total(products.map((row, i) => vector[i]! * total(row.map((product, j) => product * vector[j]!))));
}

/** Cosines of all pairs, vectors of no length having none with any other. */
function pairCosines(products: Matrix): number[] {
  const lengths = lengthsOf(products);
  return products.flatMap((row, i) =>
    row.slice(i + 1).map((product, k) => {
      const length = lengths[i]! * lengths[i + 1 + k]!;
      return length === 0 ? 0 : product / length;
    }),
  );
}

const meanOr = (values: readonly number[], none: number): number =>
  values.length === 0 ? none : total(values) / values.length;

/** Shares of the residuals: their direction on the sphere at a length that falls with their disagreement. */
function tailCoefficients(products: Matrix, settings: Settings): number[] {
  const lengths = lengthsOf(products);
  const size = lengths.length;
  if (Math.max(...lengths) <= SMALLEST) return lengths.map(() => 0);
  const ofUnits = lengths.map((length) => 1 / (length + SMALLEST));
  const sumLength = Math.sqrt(Math.max(0, quadratic(products, ofUnits)));
  const mean = lengths.map(() => 1 / size);
  if (sumLength <= SMALLEST) return mean;
  const withSum = products.map((row, i) =>
    lengths[i] === 0 ? 0 : total(row.map((product, j) => product * ofUnits[j]!)) / (lengths[i]! * sumLength),
  );
  const coherence = clamp(total(withSum) / size);
  if (coherence <= 1 / Math.sqrt(size)) return mean;
  const agreement = (clamp((meanOr(pairCosines(products), 1) + 1) / 2) + clamp((coherence + 1) / 2)) / 2;
  const [least, most] = [numberOf(settings, 'beta_min'), numberOf(settings, 'beta_max')];
  const length = coherence ** (most - (most - least) * agreement) * (total(lengths) / size);
  return ofUnits.map((share) => (share * length) / sumLength);
}

/** The share of every head: as much as the heads agree, against the length of the tail. */
function headShare(products: Matrix, anchor: number, rho: number): number {
  const size = products.length;
  const lengths = lengthsOf(products);
  const present = [...lengths.keys()].filter((i) => lengths[i]! > SMALLEST);
  const among = present.map((i) => present.map((j) => products[i]![j]!));
  const agreement =
    present.length === 0
      ? 0
      : clamp(
          meanOr(
            pairCosines(among).map((cosine) => Math.max(0, cosine)),
            1,
          ),
        );
  const meanLength = Math.sqrt(Math.max(0, total(products.map(total)))) / size;
  if (rho * agreement <= 0 || anchor <= SMALLEST || meanLength <= SMALLEST) return 0;
  return (rho * agreement * anchor) / (meanLength * size);
}
