import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TEST_DEPLOYMENT } from '@countersign/devstack';
import { until } from './waiting.js';

export interface ServiceOptions {
  /** As messages name it. */
  readonly name: string;
  /** The program that ships. */
  readonly program: string;
  /** Named in the command line, so that the stand's guard finds the process. */
  readonly folder: string;
  readonly url: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

const READY_LIMIT_MS = 90_000;
const RESTART_MS = 250;

/** One instance of a service, in a process of its own. */
export class ServiceProcess {
  #child: ChildProcess | undefined;
  #isKept = false;
  starts = 0;

  constructor(readonly options: ServiceOptions) {}

  get url(): string {
    return this.options.url;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process; does not wait until it is ready. */
  launch(): void {
    const { program, folder, env, logFile } = this.options;
    const cores = join(folder, 'cores');
    mkdirSync(cores, { recursive: true });
    const log = openSync(logFile, 'a');
    // As careless as a deployment can be: core dumps and Node's reports are on. The shell becomes the program, with its id.
    const options = `--report-uncaught-exception --report-on-fatalerror --report-directory=${cores}`;
    const child = spawn('/bin/sh', ['-c', 'ulimit -c unlimited; exec "$0" "$@"', process.execPath, program, folder], {
      env: { PATH: process.env['PATH'], COUNTERSIGN_DEPLOYMENT: TEST_DEPLOYMENT, NODE_OPTIONS: options, ...env },
      stdio: ['ignore', log, log],
      cwd: cores,
    });
    closeSync(log);
    this.#child = child;
    this.starts += 1;
    child.once('exit', () => {
      if (this.#child !== child) return;
      this.#child = undefined;
      setTimeout(() => {
        if (this.#isKept && this.#child === undefined) this.launch();
      }, RESTART_MS);
    });
  }

  async start(): Promise<void> {
    this.launch();
    await this.ready();
  }

  /** From now on it is started again whenever it ends, as a deployment would. */
  keepRunning(): void {
    this.#isKept = true;
    if (this.#child === undefined) this.launch();
  }

  async ready(): Promise<void> {
    await until(`${this.options.name} is ready; its log ends:\n${this.logTail()}`, READY_LIMIT_MS, () => this.isReady());
  }

  async isReady(): Promise<boolean> {
    const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    return answer?.ok === true;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Kills it without warning; resolves when it is gone. It comes back only if kept running. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Ends it for good, in the orderly way if it can. */
  async stop(limitMs = 25_000): Promise<void> {
    this.#isKept = false;
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    await gone;
    clearTimeout(timer);
  }

  log(): string {
    try {
      return readFileSync(this.options.logFile, 'utf8');
    } catch {
      return '';
    }
  }

  logTail(lines = 8): string {
    return this.log().trimEnd().split('\n').slice(-lines).join('\n');
  }
}
