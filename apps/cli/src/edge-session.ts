import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { EdgeApi } from './edge-api.js';
import { usageError } from './exit-code.js';
import type { Io } from './io.js';
import { localStackOf } from './target.js';

/** How a command reaches the public API, and in whose name. */
export interface EdgeOptions {
  readonly stateDir?: string;
  readonly edgeUrl?: string;
  readonly edgeCa?: string;
  readonly signIn?: string;
  readonly apiKeyFile?: string;
}

const STDIN = '-';
const INPUT_BYTES_MAX = 4_096;

/** Asks the public API in one person's or program's name. */
export interface Asking {
  get<T>(path: string): Promise<T>;
  /** `undefined` for an answer without a body. */
  post<T>(path: string, body?: object): Promise<T>;
}

/** Of one list: more is looked for in another way. */
const PAGES_MAX = 2_000;

/** All pages of a list, at most {@link PAGES_MAX}. @param path with its query; @param list what the list is called in an answer */
export async function everyPage<T>(api: Pick<Asking, 'get'>, path: string, list: string): Promise<T[]> {
  const found: T[] = [];
  let after = '';
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const { next, ...rest } = await api.get<{ readonly next?: string }>(`${path}${after}`);
    found.push(...(rest as Readonly<Record<string, readonly T[]>>)[list]!);
    if (next === undefined) break;
    after = `&after=${encodeURIComponent(next)}`;
  }
  return found;
}

/** Who asks, and where the public API is. */
export function inSomebodysName(command: Command): Command {
  return command
    .option('--sign-in <file>', 'file with address, password and a code of the second factor, a line each, or - for standard input')
    .option('--api-key-file <file>', 'file with an API key, for what a program may do')
    .option('--edge-url <url>', 'URL of the public API (env COUNTERSIGN_EDGE_URL; default: the local stack)')
    .option('--edge-ca <file>', 'authority that is trusted for it, PEM')
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)');
}

/**
 * Signs in, does the work, and signs out; or does it by an API key. Throws CliError: what the API refuses keeps its code.
 */
export async function asSomebody<T>(options: EdgeOptions, io: Io, work: (api: Asking) => Promise<T>): Promise<T> {
  const api = edgeOf(options, io);
  try {
    if (options.apiKeyFile !== undefined) return await work(byKey(api, (await textOf(options.apiKeyFile, io)).trim()));
    if (options.signIn === undefined) throw usageError('in whose name? --sign-in FILE, or --api-key-file FILE for what a program may do');
    await signIn(api, await textOf(options.signIn, io));
    try {
      return await work({ get: (path) => api.get(path), post: (path, body) => api.post(path, body) });
    } finally {
      await api.post('/v1/sign-out');
    }
  } finally {
    api.close();
  }
}

function edgeOf({ edgeUrl, edgeCa, stateDir }: EdgeOptions, { env, cwd }: Io): EdgeApi {
  const url = edgeUrl ?? env['COUNTERSIGN_EDGE_URL'];
  if (url !== undefined) {
    if (!URL.canParse(url) || !url.startsWith('https:')) throw usageError(`${url} is not an HTTPS URL`);
    return new EdgeApi(url.replace(/\/+$/, ''), edgeCa);
  }
  const local = localStackOf({ ...(stateDir === undefined ? {} : { stateDir }) }, cwd);
  return new EdgeApi(local.edgeUrl, edgeCa ?? local.edgeCertFile);
}

const byKey = (api: EdgeApi, key: string): Asking => {
  const parsed = (text: string): unknown => (text === '' ? undefined : JSON.parse(text));
  return {
    get: async <T>(path: string) => parsed(await api.text('GET', path, undefined, key)) as T,
    post: async <T>(path: string, body: object = {}) => parsed(await api.text('POST', path, body, key)) as T,
  };
};

/** Three lines: address, password and, with a second factor, a code of now. */
async function signIn(api: EdgeApi, text: string): Promise<void> {
  const [email = '', password = '', code = ''] = text.split(/\r?\n/);
  if (email === '' || password === '') throw usageError('--sign-in: a line with the address, one with the password, and with a second factor one with a code');
  const { challenge } = await api.post<{ readonly challenge?: string }>('/v1/sign-in', { email, password });
  if (challenge === undefined) return;
  if (code === '') throw usageError('--sign-in: the account has a second factor: add a line with a code of now');
  await api.post('/v1/sign-in/verify', { challenge, code });
}

/** Of a file, or of standard input: never an argument, which others on this machine can see. */
async function textOf(file: string, io: Io): Promise<string> {
  if (file !== STDIN) {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      throw usageError(`${file} cannot be read`);
    }
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of io.stdin) {
    length += chunk.length;
    if (length > INPUT_BYTES_MAX) throw usageError(`standard input has more than ${INPUT_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
