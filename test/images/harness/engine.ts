import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../folder-of.js';

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const COMPOSE_FOLDER = join(ROOT, 'deploy', 'compose');

/** Beginning of the names of what `npm run test:images` has built. */
export const IMAGE_PREFIX = process.env['COUNTERSIGN_IMAGES'] ?? 'countersign-images';
/** For whatever is to run inside or beside the system. */
export const CLI_IMAGE = `${IMAGE_PREFIX}/cli`;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string;
}

/** Runs a program to its end, whatever its exit code. */
export function ran(program: string, args: readonly string[], { env = process.env, cwd = ROOT, input = '' }: Running = {}): Promise<Ran> {
  return new Promise((done) => {
    const child = execFile(program, args, { env, cwd, maxBuffer: OUTPUT_BYTES_MAX }, (error, out, err) => done({ code: error === null ? 0 : Number(error.code ?? -1), out, err }));
    // One that ends without reading it closes the pipe.
    child.stdin?.on('error', () => undefined).end(input);
  });
}

/** What it printed. Rejects unless it ended with 0. */
export async function succeeded(program: string, args: readonly string[], running: Running = {}): Promise<string> {
  const { code, out, err } = await ran(program, args, running);
  if (code !== 0) throw new Error(`${program} ${args.slice(0, 4).join(' ')} …: exit ${code}: ${`${err}\n${out}`.trim().slice(-4_000)}`);
  return out;
}

export const docker = (...args: readonly string[]): Promise<string> => succeeded('docker', args);

/** By the command that this machine has: `docker compose`, or `docker-compose` (Compose 1.29, which Debian 12 has). */
export async function compose(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<string> {
  const hasPlugin = (await ran('docker', ['compose', 'version'])).code === 0;
  const [program, first] = hasPlugin ? ['docker', ['compose']] : ['docker-compose', []];
  return succeeded(program, [...first, ...args], { env, cwd: COMPOSE_FOLDER });
}
