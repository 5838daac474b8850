/** Gathers statistics of variants that share tensors: every pass reads each unit once for all of them. */

import type { Gathering } from './gathering.js';
import type { TaskRunner } from './pool.js';
import type { ScheduledTensor } from './scheduled-tensor.js';
import type { SharedTensor } from './shared-tensor.js';
import type { ObserveAction, ObserveResult } from './task.js';

/** The statistic that a variant gathers now; undefined when it waits for the others. */
export type GatheringOf = (member: ScheduledTensor) => Gathering | undefined;

/** A variant's wish for one unit. */
interface Wish {
  readonly member: ScheduledTensor;
  readonly gathering: Gathering;
}

/**
 * Does one pass over a unit for all members whose statistic looks at it. Where several would observe the same, one does.
 * Returns whether anything was read.
 */
export async function observeUnit(
  pool: TaskRunner,
  tensor: SharedTensor,
  unit: number,
  gatheringOf: GatheringOf,
  retain: boolean,
): Promise<boolean> {
  const wishes = tensor.members.flatMap((member): Wish[] => {
    const gathering = gatheringOf(member);
    return gathering?.visits(member, unit) ? [{ member, gathering }] : [];
  });
  if (wishes.length === 0) return false;
  const shared = shareObservations(tensor, wishes);
  const actions = shared.map(([{ member, gathering }]): ObserveAction => {
    const { statistic, request } = gathering;
    return { kind: 'observe', part: tensor.part(member, unit), statistic: statistic.name, request };
  });
  const task = { kind: 'visit', inputs: tensor.inputs(unit), actions, retain } as const;
  const { result, worker } = await pool.run(task, tensor.workers[unit]);
  if (retain) tensor.workers[unit] = worker;
  shared.forEach((sharing, i) => {
    const { partial } = result[i] as ObserveResult;
    for (const { member, gathering } of sharing) gathering.add(member, unit, partial);
  });
  return true;
}

/** Groups wishes that one observation fulfils; the order of groups and members is that of the wishes. */
function shareObservations(tensor: SharedTensor, wishes: readonly Wish[]): readonly (readonly [Wish, ...Wish[]])[] {
  const groups = new Map<unknown, [Wish, ...Wish[]]>();
  for (const wish of wishes) {
    const { observation } = wish.gathering;
    const key = observation === undefined ? wish : `${observation} of ${tensor.operandsOf(wish.member)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [wish]);
    else group.push(wish);
  }
  return [...groups.values()];
}
