/**
 * The geometry of tensors in little memory. As objects, that of the tens of thousands of a mixture of experts would take
 * several times as much; so each is a row of numbers, and an object only while somebody looks at it.
 */
import { expertPairs } from './expert-pairs.js';
import { type ExpertGeometry, type PairGeometry, type ScopeGeometry, ULP_CLASSES } from './result.js';

/** Numbers of an expert, of a pair, and of a scope beside those. */
const EXPERT_NUMBERS = 12 + ULP_CLASSES;
const PAIR_NUMBERS = 12;
const SCOPE_NUMBERS = 4;

/** What stands for null, as no metric is minus infinity: sums of squares and shares are not, and unknown sums are NaN. */
const NONE = Number.NEGATIVE_INFINITY;

/** Goes through a row, to write or to read it. */
class Cursor {
  readonly #row: Float64Array;
  #at = 0;

  constructor(row: Float64Array) {
    this.#row = row;
  }

  write(...values: readonly (number | null)[]): void {
    for (const value of values) this.#row[this.#at++] = value ?? NONE;
  }

  read(): number {
    return this.#row[this.#at++]!;
  }

  readNullable(): number | null {
    const value = this.read();
    return value === NONE ? null : value;
  }

  readMany(count: number): number[] {
    return Array.from({ length: count }, () => this.read());
  }
}

export class ScopeRows {
  readonly #names: readonly string[];
  readonly #pairs: readonly string[];
  readonly #width: number;
  readonly #numbers: Float64Array;

  /** Rows that hold nothing yet; `names` are the experts of all of them. */
  constructor(rows: number, names: readonly string[]) {
    this.#names = names;
    this.#pairs = expertPairs(names).map(({ key }) => key);
    this.#width = SCOPE_NUMBERS + names.length + 1 + EXPERT_NUMBERS * names.length + PAIR_NUMBERS * this.#pairs.length;
    this.#numbers = new Float64Array(rows * this.#width);
  }

  #row(row: number): Float64Array {
    return this.#numbers.subarray(row * this.#width, (row + 1) * this.#width);
  }

  /** Keeps the geometry of a tensor, which has neither hotspots nor spectra. */
  set(row: number, scope: ScopeGeometry): void {
    const to = new Cursor(this.#row(row));
    to.write(scope.parameters, scope.base_norm, scope.exact_cancellation_on_overlap, scope.conflict_mass);
    to.write(...scope.changed_by_k);
    for (const name of this.#names) writeExpert(to, scope.experts[name]!);
    for (const pair of this.#pairs) writePair(to, scope.pairs[pair]!);
  }

  /** The same geometry again, as an object of its own. */
  at(row: number): ScopeGeometry {
    const from = new Cursor(this.#row(row));
    const [parameters, baseNorm] = [from.read(), from.read()];
    const [cancellation, conflictMass] = [from.readNullable(), from.readNullable()];
    const changedByK = from.readMany(this.#names.length + 1);
    return {
      parameters,
      base_norm: baseNorm,
      experts: Object.fromEntries(this.#names.map((name) => [name, readExpert(from)])),
      pairs: Object.fromEntries(this.#pairs.map((pair) => [pair, readPair(from)])),
      changed_by_k: changedByK,
      exact_cancellation_on_overlap: cancellation,
      conflict_mass: conflictMass,
    };
  }
}

function writeExpert(to: Cursor, expert: ExpertGeometry): void {
  to.write(expert.changed_fraction, expert.changed_fraction_relative, expert.changed_fraction_absolute);
  to.write(expert.norm, expert.relative_norm, expert.max_abs, expert.displacement_ratio);
  to.write(expert.energy_top_1_percent, expert.energy_top_20_percent, expert.low_magnitude_lift);
  to.write(...expert.ulp_histogram);
  to.write(expert.unique, expert.shared);
}

/** Properties are read in the order in which they were written. */
function readExpert(from: Cursor): ExpertGeometry {
  return {
    changed_fraction: from.read(),
    changed_fraction_relative: from.read(),
    changed_fraction_absolute: from.read(),
    norm: from.read(),
    relative_norm: from.readNullable(),
    max_abs: from.read(),
    displacement_ratio: from.readNullable(),
    energy_top_1_percent: from.readNullable(),
    energy_top_20_percent: from.readNullable(),
    low_magnitude_lift: from.readNullable(),
    ulp_histogram: from.readMany(ULP_CLASSES),
    unique: from.read(),
    shared: from.read(),
  };
}

function writePair(to: Cursor, pair: PairGeometry): void {
  to.write(pair.dot, pair.cosine, pair.sign_flip_z, pair.jaccard, pair.jaccard_null_independent);
  to.write(pair.jaccard_null_exponent, pair.jaccard_lift, pair.overlap, pair.sign_conflict_on_overlap);
  to.write(pair.cosine_on_overlap, pair.distance, pair.norm_ratio);
}

function readPair(from: Cursor): PairGeometry {
  return {
    dot: from.read(),
    cosine: from.readNullable(),
    sign_flip_z: from.readNullable(),
    jaccard: from.readNullable(),
    jaccard_null_independent: from.readNullable(),
    jaccard_null_exponent: from.readNullable(),
    jaccard_lift: from.readNullable(),
    overlap: from.read(),
    sign_conflict_on_overlap: from.readNullable(),
    cosine_on_overlap: from.readNullable(),
    distance: from.read(),
    norm_ratio: from.readNullable(),
  };
}
