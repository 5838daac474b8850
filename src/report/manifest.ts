/** The manifest of a merge: what went in, what was decided, what came out, so that it can be checked and repeated. */
import type { Plan, PreparedMerge } from '../plan/plan.js';
import { layoutOf } from '../plan/tensor-merge.js';
import { UNIT_ELEMENTS } from '../plan/unit-layout.js';

/** Version of the manifest's shape. */
const MANIFEST_VERSION = 1;

export interface ManifestTensor {
  readonly tensor: string;
  readonly checksums: readonly string[];
}

export interface ManifestFacts {
  readonly prepared: PreparedMerge;
  /** See `stateOfInputs`. */
  readonly inputState: string | undefined;
  readonly toolVersion: string;
  readonly recipeText: string;
  /** Bytes of a checksum's block in tensors that were copied. */
  readonly copyBlockBytes: number;
  readonly tensors: readonly ManifestTensor[];
  /** Hex sha256 by file name, when asked for. */
  readonly sha256: ReadonlyMap<string, string> | undefined;
}

/**
 * Text of the manifest: JSON with one line for each tensor, the same for the same merge of the same files. Checksums are of
 * blocks of `checksum.blockElements` elements, unless a tensor says otherwise; a tensor's last block is shorter.
 */
export function formatManifest(facts: ManifestFacts): string {
  const { plan, planHash } = facts.prepared;
  const head = {
    version: MANIFEST_VERSION,
    tool: `m2merge ${facts.toolVersion}`,
    plan: planHash,
    inputState: facts.inputState,
    method: plan.method,
    preset: plan.preset,
    rounding: plan.rounding,
    seed: plan.seed,
    inputs: plan.inputs,
    settings: plan.settings,
    outputs: plan.shards.map(({ name, byteLength }) => {
      const sha256 = facts.sha256?.get(name);
      return { name, byteLength, ...(sha256 === undefined ? {} : { sha256 }) };
    }),
    checksum: { algorithm: 'xxh64', blockElements: UNIT_ELEMENTS, copyBlockBytes: facts.copyBlockBytes },
    recipe: facts.recipeText,
  };
  const tensors = plan.jobs.map((_, i) => `    ${JSON.stringify(describeTensor(plan, i, facts.tensors[i]!))}`);
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "tensors": [\n${tensors.join(',\n')}\n  ]\n}\n`;
}

function describeTensor(plan: Plan, index: number, { checksums }: ManifestTensor) {
  const job = plan.jobs[index]!;
  const { tensor, shape, target } = job;
  const file = plan.shards[target.shard]!.name;
  if (job.kind === 'copy') return { tensor, file, dtype: job.dtype, shape, copiedFrom: job.source.input, checksums };
  const operands = job.operands.map(({ model, settings }) => ({ model, settings }));
  const { unitElements: blockElements } = layoutOf(plan, job);
  const block = blockElements === UNIT_ELEMENTS ? {} : { blockElements };
  return { tensor, file, dtype: job.outputDtype, shape, settings: job.settings, operands, ...block, checksums };
}
