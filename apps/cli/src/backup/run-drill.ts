import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Beginning of the folders that drills work in. */
export const DRILL_FOLDER = 'countersign-drill-';

export interface DrillRun {
  /** Options of `countersign backup drill`. */
  readonly args: readonly string[];
  /** Folder that only these drills use. */
  readonly scratch: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Runs `countersign backup drill` as a process of its own: what it needs of memory and time is not taken from who archives the log. Rejects when it fails;
 * ends it, and the PostgreSQL that it runs, when it is told to stop.
 */
export async function runDrill({ args, scratch, onLine, signal }: DrillRun): Promise<void> {
  await mkdir(scratch, { recursive: true, mode: 0o711 });
  // One that was killed has left databases in clear.
  for (const name of await readdir(scratch)) if (name.startsWith(DRILL_FOLDER)) await rm(join(scratch, name), { recursive: true, force: true });
  // A group of its own: PostgreSQL belongs to it and ends with it.
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, 'backup', 'drill', '--scratch', scratch, ...args], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
  };
  signal.addEventListener('abort', end);
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0 && !signal.aborted) throw new Error(`the drill ended with ${String(code)}`);
  } finally {
    signal.removeEventListener('abort', end);
  }
}
