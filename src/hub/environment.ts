/** Where the Hub and its cache are, from the environment variables that Hugging Face's own tools read. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { M2MergeError } from '../errors.js';

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/** Silence of a connection before it is given up, seconds, as in Python's client. */
const DEFAULT_TIMEOUT_SECONDS = 10;

/** Milliseconds that a timer of Node counts; one that is given more ends at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

export type Variables = Readonly<Record<string, string | undefined>>;

export interface HubEnvironment {
  /** Address of the Hub without a trailing slash. */
  readonly endpoint: string;
  /** Access token; undefined to read what is public. */
  readonly token: string | undefined;
  /** Folder that holds the cached repositories, shared with Python's client. */
  readonly cacheFolder: string;
  /** Use the cache alone. */
  readonly offline: boolean;
  /** Link snapshots to blobs; else copy. */
  readonly symlinks: boolean;
  /** Longest wait for the answer to a request, milliseconds. */
  readonly answerTimeout: number;
  /** Longest silence within a download, milliseconds. */
  readonly downloadTimeout: number;
  /** Whether requests go through a proxy. */
  readonly proxied: boolean;
}

/** Reads the variables, and the token's file. Throws `usage` for an address that is none. */
export function readHubEnvironment(variables: Variables = process.env): HubEnvironment {
  const value = (name: string): string | undefined => variables[name]?.trim() || undefined;
  const path = (name: string): string | undefined => expandPath(value(name), variables);
  const home = path('HF_HOME') ?? join(path('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface');
  return {
    endpoint: readEndpoint(value('HF_ENDPOINT')),
    token: readToken(variables, path('HF_TOKEN_PATH') ?? join(home, 'token')),
    cacheFolder: path('HF_HUB_CACHE') ?? path('HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub'),
    offline: isOn(value('HF_HUB_OFFLINE')) || isOn(value('TRANSFORMERS_OFFLINE')),
    symlinks: !isOn(value('HF_HUB_DISABLE_SYMLINKS')),
    answerTimeout: seconds(value('HF_HUB_ETAG_TIMEOUT')),
    downloadTimeout: seconds(value('HF_HUB_DOWNLOAD_TIMEOUT')),
    proxied: ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy'].some((name) => value(name) !== undefined),
  };
}

function readEndpoint(text: string = DEFAULT_ENDPOINT): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '') {
    return url.href.replace(/\/+$/, '');
  }
  throw new M2MergeError('usage', {
    message: 'HF_ENDPOINT is not the address of a Hub',
    hint: 'expected something like https://huggingface.co',
  });
}

function readToken(variables: Variables, file: string): string | undefined {
  if (isOn(variables.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const named = variables.HF_TOKEN?.trim() || variables.HUGGING_FACE_HUB_TOKEN?.trim();
  const token = named || readIfPresent(file);
  // A header cannot carry other characters, and the error of one that tries shows the token.
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token;
  throw new M2MergeError('usage', {
    message: 'the token of the Hub holds characters that no token has',
    hint: 'check HF_TOKEN, or the file that "hf auth login" wrote',
  });
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/** `~` and `$VARIABLE` in a path, as Python's client expands them. */
function expandPath(path: string | undefined, variables: Variables): string | undefined {
  const expanded = path?.replace(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (whole, braced, plain) => variables[braced ?? plain] ?? whole,
  );
  return expanded?.replace(/^~(?=\/|$)/, () => homedir());
}

function isOn(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value?.trim() ?? '');
}

/** Milliseconds; as long as a timer can be for those who want no limit. */
function seconds(value: string | undefined): number {
  const number = Number(value);
  return Math.min(LONGEST_TIMER, 1000 * (number > 0 ? number : DEFAULT_TIMEOUT_SECONDS));
}
