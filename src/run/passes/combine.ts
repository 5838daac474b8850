/** Merges the steps of a unit, rounds the result, and writes it. */
import type { XXHash } from 'xxhash-wasm';
import type { Kernels, Slot } from '../../../kernels/abi.js';
import type { Method } from '../../../kernels/method.js';
import type { Combine } from '../../../kernels/unit.js';
import { vectorBytes } from '../../../kernels/view.js';
import { bytesPerElement } from '../../checkpoint/dtype.js';
import { narrow } from '../convert.js';
import type { PositionedFiles } from '../files.js';
import type { CombineAction, OutputVector, WriteResult } from '../task.js';
import { reportUnit } from '../unit-geometry.js';
import { isStoredBf16, storedTile } from '../unit-vectors.js';
import type { Pass, PassContext } from './pass.js';

export interface CombineTools {
  readonly method: Method;
  readonly files: PositionedFiles;
  readonly hash: XXHash<bigint>;
}

export function combinePass({ output, report }: CombineAction, context: PassContext, run: CombineTools): Pass {
  const { kernels, unit, tensor, vectors, measured, onlyMeasured } = context;
  const { method, hash } = run;
  const width = bytesPerElement(output.dtype);
  const merged = context.scratch('merged', vectorBytes(unit));
  const raw = context.take(width * context.tileElements);
  const isMerged = vectors.base === undefined || vectors.operands.length > 0;
  const combine: Combine = isMerged ? method.combine(unit) : noChange(kernels);
  // The sum with the base takes the place of the merged change, unless that is still to be looked at.
  const sum = report === undefined ? merged : context.scratch('sum', vectorBytes(unit));
  const tools = {
    tensor,
    onlyMeasured,
    survivors: method.survivors,
    shown: combine.shown,
    scratch: context.scratch('change', vectorBytes(unit)),
  };
  const reporter = report && reportUnit(unit, measured, output, report, tools);
  const isNearestBf16 = output.dtype === 'BF16' && output.rounding !== 'stochastic';
  const stored = report === undefined && isNearestBf16 && isStoredBf16(vectors) ? combine.stored : undefined;
  let nonFinite = 0;
  return {
    takeStored: stored && ((firstIndex, count) => stored(storedTile(vectors, firstIndex, count), raw)),
    step({ tile, offset }) {
      const written = raw + width * offset;
      combine(tile, merged);
      if (vectors.base === undefined) nonFinite += narrow(kernels, output, merged, written, tile);
      else {
        kernels.add(sum, merged, vectors.base.values, tile.count);
        nonFinite += narrow(kernels, output, sum, written, tile);
      }
      reporter?.observe(tile, offset, merged, written);
    },
    tileDone: tileWriter(output, context, raw, run),
    finish(): WriteResult {
      const inputs = {
        base: vectors.base?.nonFinite ?? 0,
        operands: measured.operands.map((vector) => vector.nonFinite),
      };
      const result = {
        kind: 'write',
        checksum: formatChecksum(hash),
        nonFinite: { ...inputs, output: nonFinite },
      } as const;
      return reporter === undefined ? result : { ...result, report: reporter.finish() };
    },
  };
}

/** Writes what a tile came to at `raw` to its place in the output, and adds it to the checksum. */
function tileWriter(
  { file, begin, dtype }: OutputVector,
  { bytes }: PassContext,
  raw: Slot,
  { files, hash }: CombineTools,
): Pass['tileDone'] {
  if (file === undefined) return undefined;
  const width = bytesPerElement(dtype);
  return (firstIndex, count) => {
    const tile = bytes(raw, width * count);
    hash.update(tile);
    files.write(file, tile, begin + width * firstIndex);
  };
}

/** Nothing is added to the base, not even to its zeros, whose sign +0 would take. */
function noChange({ memory }: Kernels): Combine {
  return ({ count }, destination) => {
    new Float32Array(memory.buffer, destination, count).fill(-0);
  };
}

/** 16 hex digits. */
export function formatChecksum(hash: XXHash<bigint>): string {
  return hash.digest().toString(16).padStart(16, '0');
}
