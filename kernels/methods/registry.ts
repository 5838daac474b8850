/** All merge methods. A new method is one file and one line here. */

import type { Method } from '../method.js';
import { arceeFusion } from './arcee-fusion.js';
import { breadcrumbs, breadcrumbsTies } from './breadcrumbs.js';
import { consensus } from './consensus.js';
import { dareLinear, dareTies } from './dare.js';
import { della, dellaLinear } from './della.js';
import { withSparsify } from './in-front.js';
import { karcher } from './karcher.js';
import { linear } from './linear.js';
import { modelStock } from './model-stock.js';
import { multislerp } from './multislerp.js';
import { nearswap } from './nearswap.js';
import { nuslerp } from './nuslerp.js';
import { passthrough } from './passthrough.js';
import { ram, ramPlus } from './ram.js';
import { resmerge } from './resmerge.js';
import { sce } from './sce.js';
import { slerp } from './slerp.js';
import { taskArithmetic } from './task-arithmetic.js';
import { ties } from './ties.js';
import { tsv } from './tsv.js';

const PLAIN: readonly Method[] = [
  linear,
  taskArithmetic,
  ties,
  dareLinear,
  dareTies,
  breadcrumbs,
  breadcrumbsTies,
  dellaLinear,
  della,
  sce,
  ram,
  ramPlus,
  resmerge,
  consensus,
  tsv,
  modelStock,
  slerp,
  nuslerp,
  multislerp,
  karcher,
  nearswap,
  arceeFusion,
  passthrough,
];

/** All merge methods, those on task vectors with `sparsify` in front. */
export const METHODS: readonly Method[] = PLAIN.map(withSparsify);

/** Names of all parameters of all methods. */
export const PARAMETER_NAMES: ReadonlySet<string> = new Set(
  METHODS.flatMap(({ parameters }) => parameters.map(({ name }) => name)),
);

/** Finds a method by its name or an alias. */
export function findMethod(name: string): Method | undefined {
  return METHODS.find((method) => method.name === name || method.aliases?.includes(name));
}
