import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { BackupFault } from './fault.js';
import type { Owner } from './place-files.js';

const START_LIMIT_MS = 4 * 3_600_000;
const POLL_MS = 100;
const STOP_MS = 60_000;
const LOG_CHARS_MAX = 4_000;

export interface ScratchOptions {
  readonly dataDir: string;
  /** The program `postgres` of the major version that the backup was taken of. */
  readonly program: string;
  /** PostgreSQL refuses to run as root. */
  readonly runAs: Owner | undefined;
  /** Name of a superuser. */
  readonly superuser: string;
}

/**
 * A PostgreSQL that nobody else can reach: no network, and a socket in a folder of its user alone, through which one is whoever one says. It brings the data to the
 * end of its log, on a timeline of its own.
 */
export class ScratchServer {
  #log = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly socketDir: string,
    private readonly superuser: string,
  ) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => (this.#log = (this.#log + bytes.toString('utf8')).slice(-LOG_CHARS_MAX)));
  }

  /** Returns when the data is recovered and may be written. Throws BACKUP_SERVER_FAILED. */
  static async start({ dataDir, program, runAs, superuser }: ScratchOptions): Promise<ScratchServer> {
    const socketDir = await mkdtemp(join(tmpdir(), 'cs-restore-'));
    const hba = join(socketDir, 'hba.conf');
    await writeFile(hba, 'local all all trust\n', { mode: 0o600 });
    await writeFile(join(dataDir, 'recovery.signal'), '', { mode: 0o600 });
    // Some installations keep it elsewhere, and PostgreSQL wants one.
    await appendFile(join(dataDir, 'postgresql.conf'), '', { mode: 0o600 });
    if (runAs !== undefined) for (const path of [hba, socketDir, join(dataDir, 'recovery.signal'), join(dataDir, 'postgresql.conf')]) await chown(path, runAs.uid, runAs.gid);
    // All of the log is in the data folder: `false` says that there is none elsewhere.
    const settings = { listen_addresses: '', unix_socket_directories: socketDir, hba_file: hba, restore_command: 'false', recovery_target_timeline: 'current', archive_mode: 'off', hot_standby: 'off', synchronous_standby_names: '', logging_collector: 'off', port: '5432' };
    const args = ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    const child = spawn(program, args, { ...runAs, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } });
    const server = new ScratchServer(child, socketDir, superuser);
    await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(server.#failed(String(error))))]);
    try {
      await server.#recovered();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Connection parameters for a database, as the superuser. */
  database(name: string): pg.ClientConfig {
    return { host: this.socketDir, port: 5432, user: this.superuser, database: name };
  }

  async #recovered(): Promise<void> {
    const until = performance.now() + START_LIMIT_MS;
    while (performance.now() < until) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw this.#failed('PostgreSQL ended while it recovered');
      if (await this.#isOpen()) return;
      await sleep(POLL_MS);
    }
    throw this.#failed('PostgreSQL did not recover in time');
  }

  async #isOpen(): Promise<boolean> {
    const client = new pg.Client(this.database('postgres'));
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ still: boolean }>('SELECT pg_is_in_recovery() AS still');
      return rows[0]?.still === false;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  #failed(what: string): BackupFault {
    return new BackupFault('BACKUP_SERVER_FAILED', `${what}; its log ends:\n${this.#log.trimEnd()}`);
  }

  /** A clean shutdown: what was recovered is on disk. Calling it again is fine. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit');
      this.child.kill('SIGINT');
      const timer = setTimeout(() => this.child.kill('SIGQUIT'), STOP_MS);
      await gone;
      clearTimeout(timer);
    }
    await rm(this.socketDir, { recursive: true, force: true });
  }
}

