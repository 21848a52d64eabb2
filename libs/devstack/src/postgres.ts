import { spawn, type ChildProcess } from 'node:child_process';
import { chownSync, closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killAtExit } from './exit-hook.js';
import { choosePort } from './free-port.js';
import { pathHash, postgresBinaries, SYSTEM_STATE_DIR, type PostgresBinaries } from './postgres-binaries.js';
import { createCluster } from './postgres-cluster.js';
import { postgresConf } from './postgres-settings.js';
import { commandLine, endProcess, processesIn, signal, waitGone } from './process-file.js';
import { canReach, postgresUser, type RunAs } from './run-as.js';
import { claimOwner, DevstackError, readIfThere, writePrivate } from './state-files.js';

const START_LIMIT_MS = 60_000;
const START_ATTEMPTS = 5;
const POLL_MS = 10;
const LOG_BYTES_MAX = 16 * 1024 * 1024;
// A Unix socket's path has 108 bytes with its final zero (unix(7)); the longest name is `.s.PGSQL.65535`.
const SOCKET_PATH_BYTES_MAX = 107 - '/.s.PGSQL.65535'.length;
// SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (recovery at the next start).
const STOP_STEPS = [['SIGINT', 30_000], ['SIGQUIT', 5_000], ['SIGKILL', 5_000]] as const;

export interface PostgresOptions {
  /** State folder. The data lies in it, or outside when the server's user cannot reach it (see `location`). */
  readonly dir: string;
  /** False turns fsync off: for tests only. */
  readonly durable: boolean;
  /** Used when it is free. */
  readonly port?: number;
}

export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Folder of the Unix socket, when there is one. */
  readonly socketDir: string | undefined;
  /** Connection URL of the superuser `postgres`, with its password: keep it out of logs. */
  readonly superuserUrl: string;
  readonly pid: number;
  /** The cluster's data folder. */
  readonly dataDir: string;
  /** Fast shutdown; resolves when the process is gone. Calling it again is fine. */
  stop(): Promise<void>;
  /** SIGKILL waits until the process is gone; SIGSTOP and SIGCONT reach every server process, not only the first. */
  kill(name: NodeJS.Signals): Promise<void>;
}

interface Place {
  readonly home: string;
  readonly runAs: RunAs | undefined;
}

// `location` names the home only when it lies outside, so that a state folder may be moved with what is in it.
async function choosePlace(dir: string, user: RunAs | undefined): Promise<Place> {
  const inside = join(dir, 'cluster');
  const outside = (await readIfThere(join(dir, 'location')))?.trim();
  const home = outside ?? (canReach(dir, user) ? inside : join(SYSTEM_STATE_DIR, pathHash(dir)));
  mkdirSync(dirname(home), { recursive: true, mode: 0o755 });
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const owner = statSync(join(home, 'data'), { throwIfNoEntry: false });
  // A cluster that an ordinary user made is served for root as that user: PostgreSQL wants to own its files.
  const runAs = user !== undefined && owner !== undefined && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : user;
  if (runAs !== undefined) chownSync(home, runAs.uid, runAs.gid);
  if (!canReach(home, runAs)) throw new DevstackError('START_FAILED', `${home} cannot be reached by the PostgreSQL user`);
  if (home !== inside) await writePrivate(join(dir, 'location'), `${home}\n`);
  return { home, runAs };
}

async function endCluster(pid: number, dataDir: string): Promise<void> {
  // A shutdown waits for every backend, and frozen ones would make it wait for ever.
  for (const one of processesIn(dataDir)) signal(one, 'SIGCONT');
  await endProcess(pid, STOP_STEPS);
}

/** Ends what an earlier owner left running on this data, so that nothing but a clean or crashed cluster remains. */
async function clearTheWay(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid');
  const pid = Number((await readIfThere(file))?.split('\n')[0] ?? 0);
  if (pid > 0 && commandLine(pid)?.includes(dataDir) === true) await endCluster(pid, dataDir);
  // Backends of a killed server end by themselves, unless they are frozen; PostgreSQL starts beside none of them.
  for (const backend of processesIn(dataDir)) await endProcess(backend, [['SIGTERM', 1_000], ['SIGKILL', 5_000]]);
  // The file's id may belong to another program by now, or to a dead process that nobody has reaped: PostgreSQL would
  // take either for a running server and refuse. No process has the data open at this point.
  if (processesIn(dataDir).length === 0) await rm(file, { force: true });
}

const isReady = (dataDir: string, pid: number): boolean => {
  try {
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
  } catch {
    return false;
  }
};

// The folder belongs to the server's user, who could have put a link there for root to write through.
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;

function openLog(path: string): number {
  const isFull = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX;
  return openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | (isFull ? O_TRUNC : O_APPEND), 0o600);
}

function writeConf(path: string, text: string): void {
  const file = openSync(path, O_WRONLY | O_TRUNC | O_NOFOLLOW);
  writeFileSync(file, text);
  closeSync(file);
}

async function launch(binaries: PostgresBinaries, place: Place, dataDir: string): Promise<ChildProcess | undefined> {
  const log = openLog(join(place.home, 'postgres.log'));
  // Its own session: Ctrl-C in the terminal must reach the services first, which stop the database last.
  const child = spawn(join(binaries.root, 'bin', 'postgres'), ['-D', dataDir], {
    ...place.runAs,
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
  });
  closeSync(log);
  child.unref();
  await new Promise<void>((done, fail) => child.once('spawn', done).once('error', fail));
  const until = performance.now() + START_LIMIT_MS;
  while (performance.now() < until) {
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    if (isReady(dataDir, child.pid ?? 0)) return child;
    await sleep(POLL_MS);
  }
  child.kill('SIGQUIT');
  return undefined;
}

function server(child: ChildProcess, home: string, dataDir: string, port: number, socketDir: string | undefined, password: string): PostgresServer {
  const pid = child.pid ?? 0;
  const forget = killAtExit(pid, 'SIGINT');
  child.once('exit', forget);
  return {
    host: '127.0.0.1',
    port,
    socketDir,
    superuserUrl: `postgresql://postgres:${password}@127.0.0.1:${String(port)}/postgres`,
    pid,
    dataDir,
    async stop() {
      await endCluster(pid, dataDir);
      await rm(join(home, 'owner'), { force: true });
    },
    async kill(name) {
      const everyProcess = name === 'SIGSTOP' || name === 'SIGCONT' ? processesIn(dataDir) : [pid];
      for (const one of everyProcess) signal(one, name);
      if (name === 'SIGKILL') await waitGone(pid, 5_000);
    },
  };
}

function lastLogLines(home: string): string {
  const log = join(home, 'postgres.log');
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-12).join('\n') : '';
}

/**
 * Starts a real PostgreSQL 18 for development and tests, making its cluster at the first start.
 * A server left over from a killed process is stopped first; a crashed cluster recovers by PostgreSQL's own means.
 * @throws {DevstackError} STACK_RUNNING, POSTGRES_MISSING, START_FAILED
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const place = await choosePlace(dir, postgresUser());
  const { runAs } = place;
  // In the home, not in the state folder: a copied state folder may name the same home.
  await claimOwner(join(place.home, 'owner'));
  const binaries = await postgresBinaries(runAs, dir);
  const dataDir = join(place.home, 'data');
  const passwordFile = join(dir, 'superuser.password');
  await clearTheWay(dataDir);
  // A folder without PG_VERSION is what an interrupted initdb left.
  if (!existsSync(join(dataDir, 'PG_VERSION'))) {
    const making = `${dataDir}.making`;
    await writePrivate(passwordFile, await createCluster({ binaries, home: place.home, dataDir: making, runAs, durable: options.durable }));
    await rm(dataDir, { recursive: true, force: true });
    await rename(making, dataDir);
  }
  const password = readFileSync(passwordFile, 'utf8').trim();

  const socketDir = Buffer.byteLength(place.home) <= SOCKET_PATH_BYTES_MAX ? place.home : undefined;
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
    const port = await choosePort(options.port);
    writeConf(join(dataDir, 'postgresql.conf'), postgresConf({ port, socketDir, durable: options.durable }));
    const child = await launch(binaries, place, dataDir);
    if (child !== undefined) return server(child, place.home, dataDir, port, socketDir, password);
    // Backends of a killed server end a moment after it and keep its shared memory until then.
    await sleep(200 * attempt);
  }
  throw new DevstackError('START_FAILED', `PostgreSQL did not start; its log ${join(place.home, 'postgres.log')} ends:\n${lastLogLines(place.home)}`);
}

/** Deletes everything of a stopped server, wherever it lies. */
export async function removePostgres(dir: string): Promise<void> {
  const outside = (await readIfThere(join(resolve(dir), 'location')))?.trim();
  if (outside !== undefined) await rm(outside, { recursive: true, force: true });
  await rm(dir, { recursive: true, force: true });
}
