import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allocatorEnv, commandLine, endProcess } from '@countersign/devstack';
import { CliError, EXIT } from '../exit-code.js';
import type { Environment } from '../target.js';
import { WORKSPACE } from '../workspace.js';

const READY_LIMIT_MS = 60_000;
const READY_POLL_MS = 50;
const STOP_STEPS = [['SIGTERM', 25_000], ['SIGKILL', 5_000]] as const;
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 10_000;
const LOG_BYTES_MAX = 64 * 1024 * 1024;
const LOG_LINES_SHOWN = 12;
/** What a child may see of this process's environment besides its own variables. */
const PASSED_ON = ['PATH', 'HOME', 'TZ', 'LANG', 'NODE_ENV', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_TRACES_SAMPLER_ARG'];

export type ServiceName = 'ledger' | 'keys' | 'identity' | 'retention' | 'edge';

const LABEL: Readonly<Record<ServiceName, string>> = { ledger: 'the ledger', keys: 'the key service', identity: 'identity', retention: 'retention', edge: 'the edge' };
const FAULT = { ledger: 'LEDGER_NOT_STARTED', keys: 'KEYS_NOT_STARTED', identity: 'IDENTITY_NOT_STARTED', retention: 'RETENTION_NOT_STARTED', edge: 'EDGE_NOT_STARTED' } as const satisfies Readonly<Record<ServiceName, string>>;
const MAIN: Readonly<Record<ServiceName, string>> = {
  ledger: join(WORKSPACE, 'apps/ledger/dist/main.js'),
  keys: join(WORKSPACE, 'apps/keys/dist/main.js'),
  identity: join(WORKSPACE, 'apps/identity/dist/main.js'),
  retention: join(WORKSPACE, 'apps/retention/dist/main.js'),
  edge: join(WORKSPACE, 'apps/edge/dist/main.js'),
};
/** The edge has no database. */
const PROVISION_MAIN: Readonly<Record<Exclude<ServiceName, 'edge'>, string>> = {
  ledger: join(WORKSPACE, 'apps/ledger/dist/provision-main.js'),
  keys: join(WORKSPACE, 'apps/keys/dist/provision-main.js'),
  identity: join(WORKSPACE, 'apps/identity/dist/provision-main.js'),
  retention: join(WORKSPACE, 'apps/retention/dist/provision-main.js'),
};

export interface ServiceProcessOptions {
  readonly service: ServiceName;
  readonly env: Environment;
  /** The service's own variables. */
  readonly config: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly pidFile: string;
  readonly url: string;
  /** Told when the service ends unasked and is started again. */
  readonly log: (line: string) => void;
}

export interface ServiceProcess {
  /** Ends it as a deployment would, and waits. Calling it again is fine. */
  stop(): Promise<void>;
}

/** Makes or updates a service's databases in a process of its own, which alone gets the superuser's URL. Throws CliError. */
export async function provisionService(options: Pick<ServiceProcessOptions, 'env' | 'config' | 'logFile'> & { readonly service: keyof typeof PROVISION_MAIN }): Promise<void> {
  const child = launch(PROVISION_MAIN[options.service], options);
  const code = await new Promise<number | null>((done, fail) => child.once('exit', done).once('error', fail));
  if (code !== 0) throw failed(options.service, `its database could not be made (exit code ${code})`, options.logFile);
}

/** Starts a service, waits until it is ready, and starts it again whenever it ends unasked. Throws CliError. */
export async function startServiceProcess(options: ServiceProcessOptions): Promise<ServiceProcess> {
  const supervisor = new Supervisor(options);
  supervisor.start();
  try {
    await ready(options, supervisor);
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  supervisor.keepRunning();
  return supervisor;
}

/** Ends a service whose `up` was killed: it would come back as a second instance. */
export async function endOrphan(service: ServiceName, pidFile: string): Promise<void> {
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
  if (pid > 0 && commandLine(pid)?.includes(MAIN[service]) === true) await endProcess(pid, STOP_STEPS);
  rmSync(pidFile, { force: true });
}

class Supervisor implements ServiceProcess {
  private child: ChildProcess | undefined;
  private stopping: Promise<void> | undefined;
  private isKept = false;
  private restartMs = RESTART_MS_MIN;

  constructor(private readonly options: ServiceProcessOptions) {
    // If this process dies of an error, the service must not stay behind.
    process.on('exit', () => this.child?.kill('SIGTERM'));
  }

  get exited(): boolean {
    return this.child === undefined;
  }

  start(): void {
    const child = launch(MAIN[this.options.service], this.options);
    this.child = child;
    if (child.pid !== undefined) writeFileSync(this.options.pidFile, String(child.pid));
    const startedMs = performance.now();
    child.once('error', (error) => this.options.log(`${this.options.service}: ${error.message}`));
    child.once('exit', (code, signal) => {
      this.child = undefined;
      if (performance.now() - startedMs > RESTART_MS_MAX) this.restartMs = RESTART_MS_MIN;
      if (this.isKept && this.stopping === undefined) this.restart(`exit ${code ?? signal ?? ''}`);
    });
  }

  keepRunning(): void {
    this.isKept = true;
    if (this.exited) this.restart('it ended while starting');
  }

  stop(): Promise<void> {
    this.stopping ??= (async () => {
      const pid = this.child?.pid;
      if (pid !== undefined) await endProcess(pid, STOP_STEPS);
      rmSync(this.options.pidFile, { force: true });
    })();
    return this.stopping;
  }

  private restart(why: string): void {
    this.options.log(`${LABEL[this.options.service]} ended (${why}); starting it again in ${this.restartMs} ms, see ${this.options.logFile}`);
    setTimeout(() => {
      if (this.stopping === undefined) this.start();
    }, this.restartMs);
    this.restartMs = Math.min(this.restartMs * 2, RESTART_MS_MAX);
  }
}

function launch(program: string, { service, env, config, logFile }: Pick<ServiceProcessOptions, 'service' | 'env' | 'config' | 'logFile'>): ChildProcess {
  if (!existsSync(program)) throw new CliError(EXIT.usage, 'NOT_BUILT', `${program} is not there: run "npm run build" first`);
  if (existsSync(logFile) && statSync(logFile).size > LOG_BYTES_MAX) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, 'a', 0o600);
  const passedOn = Object.fromEntries(Object.entries(env).filter(([name]) => PASSED_ON.includes(name) || name.startsWith(`${service.toUpperCase()}_`)));
  // Its own session: Ctrl-C in the terminal reaches this process alone, which then stops everything in order.
  const child = spawn(process.execPath, [program], { env: { ...allocatorEnv(), ...config, ...passedOn }, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  return child;
}

async function ready({ service, url, logFile }: ServiceProcessOptions, supervisor: Supervisor): Promise<void> {
  const untilMs = performance.now() + READY_LIMIT_MS;
  while (performance.now() < untilMs) {
    if (supervisor.exited) throw failed(service, 'it ended while starting', logFile);
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(READY_POLL_MS);
  }
  throw failed(service, `it was not ready within ${READY_LIMIT_MS / 1000} s`, logFile);
}

function failed(service: ServiceName, what: string, logFile: string): CliError {
  const tail = existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n') : '';
  return new CliError(EXIT.usage, FAULT[service], `${LABEL[service]}: ${what}; its log ${logFile} ends:\n${tail}`);
}
