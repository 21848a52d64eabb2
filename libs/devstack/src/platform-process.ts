import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess } from './process-file.js';
import { programEnv } from './program-env.js';
import { killAtExit } from './exit-hook.js';
import { DevstackError } from './state-files.js';

const APPS = join(import.meta.dirname, '../../../apps');
const READY_MS_MAX = 60_000;
const POLL_MS = 20;
const STOP_STEPS = [['SIGTERM', 30_000], ['SIGKILL', 5_000]] as const;
const LOG_LINES_SHOWN = 15;

export interface PlatformProcessOptions {
  readonly service: 'keys' | 'identity' | 'retention' | 'ledger' | 'edge';
  /** Named in the command line, so that whoever cleans up after a killed run finds the process. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where health and metrics are. */
  readonly url: string;
  readonly logFile: string;
}

/** A service as it ships, in a process of its own. */
export class PlatformProcess {
  #child: ChildProcess | undefined;
  #forget: () => unknown = () => undefined;

  constructor(readonly options: PlatformProcessOptions) {}

  get url(): string {
    return this.options.url;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Makes its databases, in a process of its own. Throws DevstackError START_FAILED. */
  static async provision(service: PlatformProcessOptions['service'], dir: string, env: Readonly<Record<string, string>>, logFile: string): Promise<void> {
    const [code] = (await once(launch(service, 'provision-main.js', dir, env, logFile), 'exit')) as [number | null];
    if (code !== 0) throw new DevstackError('START_FAILED', `the database of ${service} was not made:\n${tailOf(logFile)}`);
  }

  /** Starts it, and waits until it is ready. Throws DevstackError START_FAILED. */
  async start(): Promise<void> {
    const { service, dir, env, logFile } = this.options;
    this.#child = launch(service, 'main.js', dir, env, logFile);
    if (this.#child.pid !== undefined) this.#forget = killAtExit(this.#child.pid, 'SIGKILL');
    await this.ready();
  }

  async ready(): Promise<void> {
    const { service, url, logFile } = this.options;
    for (const endMs = performance.now() + READY_MS_MAX; ; await sleep(POLL_MS)) {
      if (await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false)) return;
      if (performance.now() > endMs || this.#child?.exitCode !== null) throw new DevstackError('START_FAILED', `${service} is not ready:\n${tailOf(logFile)}`);
    }
  }

  /** Without warning; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#take();
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** As a deployment ends it. Throws DevstackError STOP_FAILED when a step of its shutdown fails, or they take too long. */
  async stop(): Promise<void> {
    const child = this.#take();
    if (child?.pid === undefined || child.exitCode !== null) return;
    const exit = once(child, 'exit');
    await endProcess(child.pid, STOP_STEPS);
    const [code] = (await exit) as [number | null];
    if (code !== 0) throw new DevstackError('STOP_FAILED', `${this.options.service} does not end as it should:\n${tailOf(this.options.logFile)}`);
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  #take(): ChildProcess | undefined {
    const child = this.#child;
    this.#child = undefined;
    this.#forget();
    return child;
  }
}

function launch(service: string, program: string, dir: string, env: Readonly<Record<string, string>>, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [join(APPS, service, 'dist', program), dir], { env: { ...programEnv(), ...env }, stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

function tailOf(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n') : '';
}
