/** Brings what a plan reads from the Hub to this machine before the run. */
import { CARD_FILE, MAX_CARD_BYTES } from '../checkpoint/card.js';
import { isSideFile, isTokenizerFile } from '../checkpoint/side-files.js';
import type { HubModel } from '../hub/hub-model.js';
import type { PullProgress } from '../hub/pull.js';
import type { RemoteFile } from '../hub/range.js';
import type { ModelFiles } from '../io/model-files.js';
import type { Warning } from '../warnings.js';
import type { Plan, PreparedMerge } from './plan.js';
import { placesRead } from './sources.js';

/** What is to be fetched, before it is, and then what came. */
export interface TransferProgress extends PullProgress {
  /** Bytes of all files that are needed, also of those in the cache. */
  readonly totalBytes: number;
}

export interface ObtainOptions {
  /** Leave weights that are not in the cache where they are: a run will fetch the ranges it reads. */
  readonly stream?: boolean;
  /** Get the weights alone, for a run that writes no model. */
  readonly weightsOnly?: boolean;
  readonly onTransfer?: (progress: TransferProgress) => void;
  /** Told when another process fetches the same repository. */
  readonly onLocked?: (repo: string) => void;
  readonly verify?: boolean;
}

/** What a run finds where. */
export interface Obtained {
  readonly warnings: readonly Warning[];
  /** Files to fetch ranges of, by the path where they would be. */
  readonly remote: ReadonlyMap<string, RemoteFile>;
}

/** Makes the files that runs of these plans read be in their folders. Throws what pulling throws. */
export async function obtainInputs(
  merges: readonly { readonly prepared: PreparedMerge }[],
  options: ObtainOptions = {},
): Promise<Obtained> {
  const needed = new Map<string, { readonly model: HubModel; readonly paths: Set<string> }>();
  const remote = new Map<string, RemoteFile>();
  const need = (model: HubModel, path: string): void => {
    const entry = needed.get(model.folder) ?? { model, paths: new Set() };
    needed.set(model.folder, entry);
    entry.paths.add(path);
  };
  for (const { prepared } of merges) {
    const { plan, hubModels, hubFiles, paths, beside } = prepared;
    for (const { input, file } of filesRead(plan)) {
      const model = hubFiles[input]![file];
      if (model === undefined) continue;
      const { name } = plan.inputs[input]!.files[file]!;
      // Adapters are small and read again and again.
      const streamed = options.stream && model === hubModels[input] && !(await model.isCached(name));
      if (streamed) remote.set(paths[input]![file]!, model.remote(name));
      else need(model, name);
    }
    const donor = options.weightsOnly ? undefined : hubModels[plan.donor];
    for (const path of donor === undefined ? [] : besideWeights(donor)) need(donor!, path);
    const sources = options.weightsOnly ? [] : new Set([...hubModels, ...hubFiles.flat()]);
    for (const model of sources) for (const path of model === undefined ? [] : cardOf(model)) need(model!, path);
    const tokenizer = options.weightsOnly ? undefined : beside?.tokenizer;
    const lender = isOnHub(tokenizer) ? tokenizer : undefined;
    for (const path of lender?.paths.filter(isTokenizerFile) ?? []) need(lender!, path);
  }
  return { warnings: await pullAll([...needed.values()], options), remote };
}

async function pullAll(
  all: readonly { readonly model: HubModel; readonly paths: ReadonlySet<string> }[],
  options: ObtainOptions,
): Promise<Warning[]> {
  const totalBytes = all
    .flatMap(({ model, paths }) => [...paths].map((path) => model.byteLength(path)))
    .reduce((total, bytes) => total + bytes, 0);
  const warnings: Warning[] = [];
  for (const { model, paths } of all) {
    const pulled = await model.pull([...paths], {
      verify: options.verify,
      onProgress: (progress) => options.onTransfer?.({ ...progress, totalBytes }),
      onLocked: () => options.onLocked?.(model.origin.repo),
    });
    warnings.push(...pulled);
  }
  return warnings;
}

/** Files of a model that are written unchanged beside merged weights, and its config. */
export function besideWeights(model: HubModel): string[] {
  return model.paths.filter((path) => path === 'config.json' || isSideFile(path));
}

/** The card of a model, whose licence and languages the card of a merge takes over. */
export function cardOf(model: HubModel): string[] {
  return model.paths.filter((path) => path === CARD_FILE && model.byteLength(path) <= MAX_CARD_BYTES);
}

const isOnHub = (files: ModelFiles | undefined): files is HubModel => files !== undefined && 'pull' in files;

/** The weight files that some job reads. */
function filesRead({ jobs }: Plan): readonly { readonly input: number; readonly file: number }[] {
  const read = new Map<string, { readonly input: number; readonly file: number }>();
  const note = (input: number, file: number): void => void read.set(`${input} ${file}`, { input, file });
  for (const job of jobs) {
    if (job.kind === 'copy') note(job.source.input, job.source.file);
    for (const { input, file, lowRank } of job.kind === 'copy' ? [] : placesRead(job)) {
      note(input, file);
      for (const factor of [lowRank?.left, lowRank?.right, lowRank?.magnitudes])
        if (factor !== undefined) note(input, factor.file);
    }
  }
  return [...read.values()];
}
