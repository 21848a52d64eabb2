import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { commandLine } from './process-file.js';

/** Error of the development servers. The message says what to do. */
export class DevstackError extends Error {
  constructor(
    readonly code: 'STACK_RUNNING' | 'NATS_SERVER_MISSING' | 'POSTGRES_MISSING' | 'START_FAILED' | 'STOP_FAILED' | 'NO_FREE_PORT',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DevstackError';
  }
}

/** Writes a small file readable by its owner only, replacing the old one in one step. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${String(process.pid)}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}

/** Text of a file, or undefined when it does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Says in `<path>` that this process owns a server's folder.
 * @throws {DevstackError} STACK_RUNNING when the owner named there is another process that still runs:
 * two owners of one folder would stop each other's servers.
 */
export async function claimOwner(path: string): Promise<void> {
  const before = await readIfThere(path);
  if (before !== undefined) {
    const [pidText, ...command] = before.split(' ');
    const pid = Number(pidText);
    // The command line is compared too, because a process id may have been given to somebody else.
    if (pid !== process.pid && commandLine(pid) === command.join(' ').trim()) {
      throw new DevstackError('STACK_RUNNING', `process ${String(pid)} already runs the servers in ${dirname(path)}; stop it first`);
    }
  }
  await writePrivate(path, `${String(process.pid)} ${commandLine(process.pid) ?? ''}`);
}
