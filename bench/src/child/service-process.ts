import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endProcess, programEnv } from '@countersign/devstack';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const READY_LIMIT_MS = 60_000;
const READY_POLL_MS = 50;
const STOP_STEPS = [['SIGTERM', 30_000], ['SIGKILL', 5_000]] as const;
const LOG_LINES_SHOWN = 15;
const PASSWORD_BYTES = 24;

export const LOOPBACK = '127.0.0.1';

export type ServiceName = 'ledger' | 'keys';

/** A service as a deployment runs it, in a process of its own. */
export interface ServiceProcess {
  readonly url: string;
  readonly pid: number;
  /** Where it logs. */
  readonly logFile: string;
  stop(): Promise<void>;
}

export const program = (service: ServiceName, main = 'main.js'): string => join(ROOT, 'apps', service, 'dist', main);

/** Makes the service's databases and roles, in a process of its own. */
export async function provision(service: ServiceName, dir: string, config: Readonly<Record<string, string>>, logFile: string): Promise<void> {
  const child = launch([program(service, 'provision-main.js'), dir], config, logFile);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${service}: its database could not be made:\n${tailOf(logFile)}`);
}

export function launch(args: readonly string[], config: Readonly<Record<string, string>>, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  // Its own session: Ctrl-C reaches the measuring process alone, which stops the rest in order.
  const child = spawn(process.execPath, args, { env: { ...programEnv(), ...config }, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  return child;
}

/** The launched service, once it answers that it is ready. */
export async function whenReady(service: ServiceName, child: ChildProcess, url: string, logFile: string): Promise<ServiceProcess> {
  const pid = child.pid ?? 0;
  const killAtExit = (): unknown => child.kill('SIGKILL');
  process.on('exit', killAtExit);
  const untilMs = performance.now() + READY_LIMIT_MS;
  while (!(await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false))) {
    if (performance.now() > untilMs || child.exitCode !== null) throw new Error(`${service} did not become ready:\n${tailOf(logFile)}`);
    await sleep(READY_POLL_MS);
  }
  return {
    url,
    pid,
    logFile,
    async stop() {
      await endProcess(pid, STOP_STEPS);
      process.off('exit', killAtExit);
    },
  };
}

/** A random password for each role, in a file of its name. The function returned puts a role and its password into a URL. */
export function writePasswords<Role extends string>(dir: string, roles: readonly Role[]): (databaseUrl: string, role: Role) => string {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const passwords = new Map(roles.map((role) => [role, randomBytes(PASSWORD_BYTES).toString('base64url')]));
  for (const [role, password] of passwords) writePrivate(join(dir, role), password);
  return (databaseUrl, role) => Object.assign(new URL(databaseUrl), { username: role, password: passwords.get(role) ?? '' }).href;
}

/** Writes a file that nobody else reads. Its path. */
export function writePrivate(path: string, text: string): string {
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function tailOf(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n') : '';
}
