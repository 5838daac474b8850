/** What a run found of NaN and infinite values, as warnings: one for each model and one for the result. */
import type { Plan } from '../plan/plan.js';
import { type Warning, warning } from '../warnings.js';
import type { TensorOutcome } from './outcome.js';

interface Tally {
  tensor: string;
  values: number;
  tensors: number;
}

/** One warning for each input that holds such values, in input order, then one for the merged model. */
export function nonFiniteWarnings(plan: Plan, outcomes: readonly TensorOutcome[]): Warning[] {
  const byInput = new Map<number, Tally>();
  const output = new Map<0, Tally>();
  plan.jobs.forEach((job, i) => {
    if (job.kind === 'copy') return;
    const { nonFinite } = outcomes[i]!;
    if (job.base !== undefined) count(byInput, job.base.input, job.tensor, nonFinite.base);
    job.operands.forEach(({ source }, operand) => {
      count(byInput, source.input, job.tensor, nonFinite.operands[operand]!);
    });
    count(output, 0, job.tensor, nonFinite.output);
  });
  const ordered = [...byInput].sort(([a], [b]) => a - b);
  return [
    ...ordered.map(([input, tally]) => warning('non-finite-input', { model: plan.inputs[input]!.reference, ...tally })),
    ...[...output.values()].map((tally) => warning('non-finite-output', { ...tally })),
  ];
}

function count<K>(tallies: Map<K, Tally>, key: K, tensor: string, values: number): void {
  if (values === 0) return;
  const tally = tallies.get(key) ?? { tensor, values: 0, tensors: 0 };
  tally.values += values;
  tally.tensors++;
  tallies.set(key, tally);
}
