/**
 * A tensor as several variants of a merge share it: their inputs are read together, unit by unit. Variants share what
 * has the same base and is cut in the same way; each may use another choice of the operands.
 */
import { bytesPerElement } from '../checkpoint/dtype.js';
import { ScheduledTensor, type TensorDraft } from './scheduled-tensor.js';
import { placeOf, type StoredVector, unitOf } from './stored-vector.js';
import type { UnitInputs, UnitPart } from './task.js';

export class SharedTensor {
  readonly members: readonly ScheduledTensor[];
  readonly units: number;
  /** The worker that last read each unit and may have kept it. */
  readonly workers: (number | undefined)[] = [];
  readonly #operands: readonly StoredVector[];
  /** By member: indices of its operands among all that are read. */
  readonly #choices: ReadonlyMap<ScheduledTensor, readonly number[]>;

  private constructor(members: readonly ScheduledTensor[]) {
    this.members = members;
    this.units = members[0]!.units;
    const operands = new Map<string, { readonly vector: StoredVector; readonly index: number }>();
    const indexOf = (vector: StoredVector, isAnchor: boolean): number => {
      // A model listed twice is its own anchor's difference, which is not what the anchor holds.
      const place = `${isAnchor ? 'anchor ' : ''}${placeOf(vector)}`;
      if (!operands.has(place)) operands.set(place, { vector, index: operands.size });
      return operands.get(place)!.index;
    };
    const choose = ({ anchored, operands: own }: ScheduledTensor): readonly number[] =>
      own.map((vector, i) => indexOf(vector, anchored && i === 0));
    this.#choices = new Map(members.map((member) => [member, choose(member)]));
    this.#operands = [...operands.values()].map(({ vector }) => vector);
  }

  /** Groups the variants' merges of one tensor by what they can read together. */
  static group(drafts: readonly TensorDraft[]): SharedTensor[] {
    const groups = new Map<string, ScheduledTensor[]>();
    for (const draft of drafts) {
      const tensor = new ScheduledTensor(draft);
      const { base, layout, job, anchored, operands } = tensor;
      const origin = anchored ? operands[0] : base;
      const reading = `${job.elements} ${layout.runElements} ${anchored} ${origin && placeOf(origin)}`;
      const group = groups.get(reading);
      if (group === undefined) groups.set(reading, [tensor]);
      else group.push(tensor);
    }
    return [...groups.values()].map((members) => new SharedTensor(members));
  }

  /** A tensor of one variant alone. */
  static alone(draft: TensorDraft): SharedTensor {
    return new SharedTensor([new ScheduledTensor(draft)]);
  }

  /** Bytes one pass over everything that is read takes. */
  get inputBytes(): number {
    const { job, base } = this.members[0]!;
    const inputs = base === undefined ? this.#operands : [base, ...this.#operands];
    return inputs.reduce((total, { dtype }) => total + job.elements * bytesPerElement(dtype), 0);
  }

  inputs(unit: number): UnitInputs {
    const { job, layout, base, anchored } = this.members[0]!;
    const firstIndex = unit * layout.unitElements;
    const count = Math.min(layout.unitElements, job.elements - firstIndex);
    const own = (vector: StoredVector): StoredVector => unitOf(vector, firstIndex, count);
    const operands = this.#operands.map(own);
    return { tensor: job.tensor, firstIndex, count, layout, base: base && own(base), anchored, operands };
  }

  part(member: ScheduledTensor, unit: number): UnitPart {
    return member.part(unit, this.#choices.get(member)!);
  }

  /** The same text for members that merge the same vectors as operands of the same models. */
  operandsOf(member: ScheduledTensor): string {
    return member.merge.operands.map(({ model }, i) => `${model}=${this.#choices.get(member)![i]}`).join();
  }

  /** The same text for members of which reports look at the same vectors of the same models, merged or not. */
  expertsOf(member: ScheduledTensor): string {
    const models = [...member.merge.operands.map(({ model }) => model), ...member.onlyMeasured];
    const byModel = models.map((model, i) => [model, this.#choices.get(member)![i]!] as const);
    return byModel
      .sort(([a], [b]) => a - b)
      .map(([model, index]) => `${model}=${index}`)
      .join();
  }
}
