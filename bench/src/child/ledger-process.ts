import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { choosePort, endProcess, type Devstack } from '@countersign/devstack';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LEDGER_MAIN = join(ROOT, 'apps/ledger/dist/main.js');
const PROVISION_MAIN = join(ROOT, 'apps/ledger/dist/provision-main.js');
const ROLES = ['ledger_owner', 'ledger_runtime', 'ledger_reader', 'ledger_eraser'] as const;
const READY_LIMIT_MS = 60_000;
const READY_POLL_MS = 50;
const STOP_STEPS = [['SIGTERM', 30_000], ['SIGKILL', 5_000]] as const;
const LOG_LINES_SHOWN = 15;

export const DATABASE = 'ledger';

export interface LedgerProcess {
  readonly url: string;
  readonly pid: number;
  /** Where it logs. */
  readonly logFile: string;
  stop(): Promise<void>;
}

/** Provisions the ledger's database and starts the ledger on it, both in processes of their own, as a deployment does. */
export async function startLedger(stack: Devstack, nodeArgs: readonly string[], keptLogFile: string | undefined): Promise<LedgerProcess> {
  const dir = join(stack.stateDir, 'ledger');
  const logFile = keptLogFile ?? join(dir, 'ledger.log');
  const secrets = writeSecrets(stack, dir);
  const provision = launch([PROVISION_MAIN, dir], { LEDGER_ADMIN_DATABASE_URL_FILE: secrets.admin, LEDGER_DATABASE_NAME: DATABASE, LEDGER_ROLE_PASSWORDS_DIR: secrets.passwords }, logFile);
  const [code] = (await once(provision, 'exit')) as [number | null];
  rmSync(secrets.admin);
  if (code !== 0) throw new Error(`the ledger's database could not be made:\n${tailOf(logFile)}`);
  const port = await choosePort();
  const url = `http://127.0.0.1:${port}`;
  // The folder among the arguments lets whoever cleans up after a killed run find this process.
  const child = launch([...nodeArgs, LEDGER_MAIN, dir], {
    LEDGER_DATABASE_URL_FILE: secrets.runtime,
    LEDGER_READER_DATABASE_URL_FILE: secrets.reader,
    LEDGER_NATS_URL: stack.nats.url,
    LEDGER_NATS_SEED_FILE: stack.nats.users.ledger,
    LEDGER_STATE_DIR: join(dir, 'state'),
    LEDGER_KEYS: 'sealed-file',
    LEDGER_ORIGIN_PREFIX: 'bench.localhost',
    LEDGER_HTTP_PORT: String(port),
  }, logFile);
  const pid = child.pid ?? 0;
  const killAtExit = (): unknown => child.kill('SIGKILL');
  process.on('exit', killAtExit);
  await ready(child, url, logFile);
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

function writeSecrets(stack: Devstack, dir: string) {
  const passwords = join(dir, 'passwords');
  mkdirSync(passwords, { recursive: true, mode: 0o700 });
  mkdirSync(join(dir, 'state'));
  const write = (path: string, text: string): string => (writeFileSync(path, text, { mode: 0o600 }), path);
  const urlOf = new Map(ROLES.map((role) => {
    const password = randomBytes(24).toString('base64url');
    write(join(passwords, role), password);
    return [role, Object.assign(new URL(stack.databaseUrl(DATABASE)), { username: role, password }).href];
  }));
  return {
    passwords,
    admin: write(join(dir, 'admin-url'), stack.postgres.superuserUrl),
    runtime: write(join(dir, 'runtime-url'), urlOf.get('ledger_runtime') ?? ''),
    reader: write(join(dir, 'reader-url'), urlOf.get('ledger_reader') ?? ''),
  };
}

function launch(args: readonly string[], config: Readonly<Record<string, string>>, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  // Its own session: Ctrl-C reaches the measuring process alone, which stops the rest in order.
  const child = spawn(process.execPath, args, { env: { PATH: process.env['PATH'], ...config }, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  return child;
}

async function ready(child: ChildProcess, url: string, logFile: string): Promise<void> {
  const untilMs = performance.now() + READY_LIMIT_MS;
  while (performance.now() < untilMs && child.exitCode === null) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(READY_POLL_MS);
  }
  throw new Error(`the ledger did not become ready:\n${tailOf(logFile)}`);
}

function tailOf(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n') : '';
}
