import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort } from '@countersign/devstack';
import { countersignWith, type Ran } from './cli.js';
import { CLI_MAIN } from './places.js';
import type { ServiceProcess } from './service-process.js';
import type { Stand } from './stand.js';
import { until } from './waiting.js';

const LIMIT_MS = 120_000;

/** The backups of a stand: an archive in its folder, and `countersign backup` as somebody runs it who has no local stack. */
export class Backups {
  readonly archive: string;
  readonly keyFile: string;
  #serving: ChildProcess | undefined;
  #port = 0;

  constructor(
    readonly stand: Pick<Stand, 'folder' | 'nats' | 'databaseUrl'> & { readonly keys: { readonly publicKeyFile: string } | undefined },
    readonly ledger: Pick<ServiceProcess, 'url'>,
    /** Further variables. */
    private readonly more: Readonly<Record<string, string>> = {},
  ) {
    this.archive = join(stand.folder, 'archive');
    this.keyFile = join(stand.folder, 'archive.key');
  }

  get #env(): Record<string, string> {
    const { stand } = this;
    return {
      COUNTERSIGN_LEDGER_URL: this.ledger.url,
      COUNTERSIGN_NATS_URL: stand.nats.url,
      COUNTERSIGN_NATS_SEED_FILE: stand.nats.users.backup,
      COUNTERSIGN_OPERATOR_SEED_FILE: stand.nats.users.operator,
      COUNTERSIGN_KEYS_PUBLIC_KEY: stand.keys?.publicKeyFile ?? '',
      COUNTERSIGN_BACKUP_ARCHIVE: this.archive,
      COUNTERSIGN_BACKUP_KEY_FILE: this.keyFile,
      COUNTERSIGN_BACKUP_DATABASE_URL_FILE: stand.databaseUrl('postgres'),
      ...this.more,
    };
  }

  run(...args: readonly string[]): Promise<Ran> {
    return countersignWith(this.stand.folder, this.#env, 'backup', ...args, '--json');
  }

  /** The document that a command printed; throws with what it said when it ended otherwise than expected. */
  async told<T = Readonly<Record<string, unknown>>>(code: number, ...args: readonly string[]): Promise<T> {
    const ran = await this.run(...args);
    if (ran.code !== code) throw new Error(`backup ${args.join(' ')} ended with ${String(ran.code)}: ${ran.out}${ran.err}`);
    return JSON.parse(ran.out) as T;
  }

  async ids(): Promise<string[]> {
    return (await this.told<{ backups: { id: string }[] }>(0, 'list')).backups.map(({ id }) => id);
  }

  /** A process that has not ended yet; the archive in its command line tells the stand's guard whose it is. */
  launch(...args: readonly string[]): ChildProcess {
    const home = join(this.stand.folder, 'home');
    mkdirSync(home, { recursive: true });
    return spawn(process.execPath, [CLI_MAIN, 'backup', ...args, '--archive', this.archive], { env: { PATH: process.env['PATH'], HOME: home, ...this.#env }, cwd: home, stdio: ['ignore', 'ignore', 'inherit'] });
  }

  /** Where its metrics are, from the first time on. */
  async port(): Promise<number> {
    if (this.#port === 0) this.#port = await choosePort();
    return this.#port;
  }

  async serve(walSeconds: number): Promise<void> {
    await this.port();
    this.#serving = this.launch('serve', '--wal-seconds', String(walSeconds), '--port', String(this.#port));
    await until('the backups are served', LIMIT_MS, async () => (await this.metric('last_timestamp_seconds')) > 0);
  }

  async stopServing(): Promise<void> {
    const serving = this.#serving;
    this.#serving = undefined;
    if (serving === undefined || serving.exitCode !== null || serving.signalCode !== null) return;
    const gone = once(serving, 'exit');
    serving.kill('SIGTERM');
    const timer = setTimeout(() => serving.kill('SIGKILL'), 30_000);
    await gone;
    clearTimeout(timer);
  }

  async killServing(): Promise<void> {
    this.#serving?.kill('SIGKILL');
    await this.stopServing();
  }

  async metric(name: string): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${String(this.#port)}/metrics`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    const line = (await answer?.text())?.split('\n').find((one) => one.startsWith(`countersign_backup_${name}{`));
    return Number(line?.split(' ')[1] ?? 0);
  }

  /** Waits until everything that the server has written by now is in the archive. */
  async logArchived(): Promise<void> {
    const now = Date.now() / 1_000;
    await until('the log is archived', LIMIT_MS, async () => (await this.metric('log_archived_timestamp_seconds')) > now);
  }
}
