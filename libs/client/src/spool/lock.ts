import { link, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { EmitError } from '../errors.js';

const HEARTBEAT_MS = 5_000;
/** A holder on another host cannot be looked up; it counts as gone after this silence. */
const FOREIGN_SILENCE_MS = 20_000;
const TAKEOVER_MS_MAX = 10_000;
const ATTEMPTS_MAX = 20;

/** Who holds a lock. A pid alone will not do: after a restart, and always in a container, another process has it. */
interface Holder {
  readonly pid: number;
  readonly startedTicks: string;
  readonly bootId: string;
  readonly host: string;
}

/** Keeps a second process from using the folder. */
export interface SpoolLock {
  release(): Promise<void>;
}

/** Takes the folder's lock, or that of a process that is gone. Throws EmitError SPOOL_LOCKED. */
export async function lockSpool(folder: string): Promise<SpoolLock> {
  const file = path.join(folder, 'lock');
  const me: Holder = { pid: process.pid, startedTicks: startedTicks(process.pid), bootId: bootId(), host: hostname() };
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (await create(file, JSON.stringify(me))) return held(file);
    await removeIfStale(file, me);
  }
  throw locked(folder);
}

function held(file: string): SpoolLock {
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    release: async () => {
      clearInterval(heartbeat);
      await rm(file, { force: true });
    },
  };
}

/** Under a second lock, so that two newcomers cannot each remove what the other has just made. */
async function removeIfStale(file: string, me: Holder): Promise<void> {
  const takeover = `${file}.takeover`;
  if (!(await create(takeover, ''))) {
    const ageMs = await ageOf(takeover);
    if (ageMs !== undefined && ageMs > TAKEOVER_MS_MAX) await rm(takeover, { force: true });
    await new Promise((resolve) => setTimeout(resolve, 50));
    return;
  }
  try {
    const holder = await readHolder(file);
    const ageMs = await ageOf(file);
    if (ageMs === undefined) return;
    if (alive(holder, me, ageMs)) throw locked(path.dirname(file));
    await rm(file, { force: true });
  } finally {
    await rm(takeover, { force: true });
  }
}

function alive(holder: Holder | undefined, me: Holder, ageMs: number): boolean {
  // The lock is written before it gets its name, so an unreadable one was made by nobody.
  if (holder === undefined) return false;
  if (holder.host !== me.host) return ageMs < FOREIGN_SILENCE_MS;
  if (holder.bootId !== me.bootId) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startedTicks(holder.pid) === holder.startedTicks;
}

async function create(file: string, text: string): Promise<boolean> {
  // A link fails if the name exists, and the name never shows a half-written file.
  const draft = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    await writeFile(draft, text, { flag: 'wx' });
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof value === 'object' && value !== null && typeof (value as Holder).pid === 'number' ? (value as Holder) : undefined;
  } catch {
    return undefined;
  }
}

async function ageOf(file: string): Promise<number | undefined> {
  try {
    return Date.now() - (await stat(file)).mtimeMs;
  } catch {
    return undefined;
  }
}

/**
 * Field 22 of proc_pid_stat(5): when the process started, in ticks since boot. Empty where there is no /proc.
 * A zombie (field 3) is dead, whoever has yet to collect it.
 */
function startedTicks(pid: number): string {
  const text = readIfThere(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? 'zombie' : (fields[19] ?? '');
}

function bootId(): string {
  return readIfThere('/proc/sys/kernel/random/boot_id').trim();
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function locked(folder: string): EmitError {
  return new EmitError('SPOOL_LOCKED', `another process uses the spool folder ${path.basename(folder)}`, 'spoolDir');
}
