/** The surroundings in which tests use the loopback Hub. */
import { type HubEnvironment, readHubEnvironment } from '../../../src/hub/environment.js';
import { temporaryFolder } from '../temporary-folder.js';
import type { LoopbackHub } from './loopback-hub.js';

/** Environment with a cache of its own, unless `changes` names one. */
export function hubEnvironment(hub: LoopbackHub, changes: Partial<HubEnvironment> = {}): HubEnvironment {
  return { ...readHubEnvironment(hubVariables(hub, temporaryFolder())), ...changes };
}

/** Variables for a child process: this Hub, and a home that is not the user's. */
export function hubVariables(hub: LoopbackHub, home: string): Record<string, string> {
  return { HF_ENDPOINT: hub.endpoint, HF_HOME: home };
}
