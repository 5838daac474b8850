/** Models on the Hub as inputs. What speaks to the Hub is loaded with the first of them: local merges need none of it. */
import type { Adapter } from '../checkpoint/adapter.js';
import { openAdapter } from '../checkpoint/adapter-folder.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { openCheckpoint } from '../checkpoint/folder.js';
import { TensorTables } from '../checkpoint/tensor-tables.js';
import type { HubName } from '../hub/endpoint.js';
import type { HubEnvironment } from '../hub/environment.js';
import type { HubModel } from '../hub/hub-model.js';
import type { HubConnection } from '../hub/request.js';

export interface HubOptions {
  /** Where the Hub and its cache are; by default as the environment variables say. */
  readonly environment?: HubEnvironment;
  /** Milliseconds before the first repetition of a request. */
  readonly firstDelay?: number;
  /** Told before a wait of `milliseconds`, and why. */
  readonly onWait?: (milliseconds: number, reason: string) => void;
  /** Told before the Hub, or its cache, is asked for the first model. */
  readonly onConnect?: () => void;
}

export interface InputOptions {
  readonly hub?: HubOptions;
  /** What is planned and merged with the same object is one run, in which a name on the Hub means one commit. */
  readonly run?: object;
  readonly signal?: AbortSignal;
}

/** What is open of the Hub, by name. */
interface OpenModels {
  readonly models: Map<string, Promise<HubModel>>;
  readonly checkpoints: Map<string, Promise<Checkpoint>>;
  readonly tables: TensorTables;
}

/** So that whatever opens inputs for a run later finds the same commits. */
const runs = new WeakMap<object, OpenModels>();

export class HubInputs {
  readonly #options: InputOptions;
  readonly #open: OpenModels;
  #connection: Promise<HubConnection> | undefined;

  constructor(options: InputOptions) {
    this.#options = options;
    const { run } = options;
    this.#open = (run && runs.get(run)) ?? {
      models: new Map(),
      checkpoints: new Map(),
      tables: new TensorTables(),
    };
    if (run !== undefined) runs.set(run, this.#open);
  }

  /** Resolves a name and reads its headers. Throws the Hub's refusals and what `openCheckpoint` throws. */
  checkpoint(name: HubName): Promise<Checkpoint> {
    return once(this.#open.checkpoints, name, async () => {
      const model = await this.model(name);
      try {
        const checkpoint = await openCheckpoint(model, this.#open.tables);
        const files = checkpoint.files.map((file) => ({ ...file, hub: model }));
        return { ...checkpoint, files, hub: model, warnings: [...model.warnings, ...checkpoint.warnings] };
      } catch (error) {
        throw model.explain(error);
      }
    });
  }

  /** Resolves the name of an adapter and reads its header. Throws the Hub's refusals and what `openAdapter` throws. */
  async adapter(name: HubName): Promise<Adapter> {
    const model = await this.model(name);
    try {
      const adapter = await openAdapter(model);
      return { ...adapter, file: { ...adapter.file, hub: model }, warnings: [...model.warnings, ...adapter.warnings] };
    } catch (error) {
      throw model.explain(error);
    }
  }

  /** Resolves a name. Throws the Hub's refusals. */
  model(name: HubName): Promise<HubModel> {
    return once(this.#open.models, name, async () => {
      this.#connection ??= this.#connect();
      const [connection, { openHubModel }] = await Promise.all([this.#connection, import('../hub/model.js')]);
      return openHubModel(connection, name);
    });
  }

  async #connect(): Promise<HubConnection> {
    const [{ HubConnection }, { readHubEnvironment }] = await Promise.all([
      import('../hub/request.js'),
      import('../hub/environment.js'),
    ]);
    const { hub: { environment = readHubEnvironment(), onConnect, ...waiting } = {}, signal } = this.#options;
    onConnect?.();
    return new HubConnection(environment, { ...waiting, signal });
  }
}

function once<T>(known: Map<string, Promise<T>>, { repo, revision = '' }: HubName, open: () => Promise<T>): Promise<T> {
  const key = `${repo}@${revision}`;
  const opened = known.get(key) ?? open();
  known.set(key, opened);
  // What could not be opened may be there when it is asked for again.
  opened.catch(() => known.get(key) === opened && known.delete(key));
  return opened;
}
