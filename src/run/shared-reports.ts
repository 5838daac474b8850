/** Reports of variants that share a tensor: what concerns the experts alone is measured by one for all. */
import type { ScheduledTensor } from './scheduled-tensor.js';
import type { SharedTensor } from './shared-tensor.js';
import type { CombineReport, ReportWish, UnitReport } from './task.js';

/** What a variant wants to know of its units: only how much of the experts its merge keeps, or their geometry and what it took away, too. */
export interface ReportRequest {
  readonly geometry: boolean;
  /** Whether the variant wants to know of the tensor. */
  covers(tensor: string): boolean;
  /** Called once for each merged unit of these tensors, in no particular order. */
  readonly onUnit: (tensor: string, unit: number, report: UnitReport) => void;
}

/** Who measures what in a visit, and how the results get to everybody. */
export class SharedReports {
  /** By member of the tensor. */
  readonly wishes: readonly (ReportWish | undefined)[];
  readonly #requests: readonly (ReportRequest | undefined)[];
  readonly #members: readonly ScheduledTensor[];
  /** By member, the index of the one that measures its experts. */
  readonly #leaders: readonly number[];

  constructor(tensor: SharedTensor, requestOf: (member: ScheduledTensor) => ReportRequest | undefined) {
    const { members } = tensor;
    const requests = members.map((member) => {
      const request = requestOf(member);
      return request?.covers(member.job.tensor) ? request : undefined;
    });
    const experts = members.map((member) => tensor.expertsOf(member));
    const shares = (i: number, j: number): boolean => requests[j] !== undefined && experts[i] === experts[j];
    this.#members = members;
    this.#requests = requests;
    this.#leaders = members.map((_, i) => members.findIndex((_, j) => shares(i, j)));
    this.wishes = requests.map((request, i) => {
      if (request === undefined) return undefined;
      const removals = request.geometry;
      if (this.#leaders[i] !== i) return { experts: 'nothing', removals };
      const geometry = requests.some((other, j) => other?.geometry === true && shares(i, j));
      return { experts: geometry ? 'geometry' : 'squares', removals };
    });
  }

  /** Hands on what a visit of a unit measured; `reports` are by member. */
  deliver(unit: number, reports: readonly (CombineReport | undefined)[]): void {
    this.#requests.forEach((request, i) => {
      if (request === undefined) return;
      const { squares, sums } = reports[this.#leaders[i]!]!;
      const { account, removals } = reports[i]!;
      const report = { account, removals, squares: squares!, sums: request.geometry ? sums : undefined };
      request.onUnit(this.#members[i]!.job.tensor, unit, report);
    });
  }
}
