import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { programEnv } from '@countersign/devstack';
import type { LedgerFixture } from '../fixture/ledger-fixture.js';
import { tempDir } from '../fixture/temp-dir.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const START_LIMIT_MS = 40_000;

export interface LedgerProcess {
  readonly url: string;
  readonly child: ChildProcess;
  readonly out: () => string;
  /** Ends it as a deployment would; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Environment of a ledger over the fixture's servers, with a state folder of its own. */
export async function ledgerEnvironment(fixture: LedgerFixture): Promise<Record<string, string>> {
  const dir = await tempDir();
  const secret = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  return {
    LEDGER_DATABASE_URL_FILE: await secret('runtime.url', fixture.url('ledger_runtime')),
    LEDGER_READER_DATABASE_URL_FILE: await secret('reader.url', fixture.url('ledger_reader')),
    LEDGER_NATS_URL: fixture.stack.nats.url,
    LEDGER_NATS_SEED_FILE: fixture.stack.nats.users.ledger,
    LEDGER_STATE_DIR: join(dir, 'state'),
    LEDGER_KEYS: 'sealed-file',
    LEDGER_ORIGIN_PREFIX: 'ledger.example',
    LEDGER_HTTP_PORT: '0',
    LEDGER_TAIL_VERIFY_SECONDS: '1',
    LEDGER_VERIFY_THREADS: '1',
    LEDGER_ALLOW_FSYNC_OFF: 'true',
  };
}

/** Starts the built service and waits until it says that it is ready. */
export async function startLedgerProcess(env: Readonly<Record<string, string>>): Promise<LedgerProcess> {
  const { child, out, err } = launch(env);
  const endMs = performance.now() + START_LIMIT_MS;
  let url: string | undefined;
  while (url === undefined) {
    url = /"url":"(http:[^"]+)"[^\n]*ledger is ready/.exec(out())?.[1];
    if (child.exitCode !== null || performance.now() > endMs) throw new Error(`the ledger did not start:\n${out()}${err()}`);
    await sleep(20);
  }
  return {
    url,
    child,
    out,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number | null];
      return code;
    },
  };
}

/** Runs the built service to its end. */
export async function runLedgerProcess(env: Readonly<Record<string, string>>): Promise<Ended> {
  const { child, out, err } = launch(env);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: out(), err: err() };
}

function launch(env: Readonly<Record<string, string>>): { child: ChildProcess; out: () => string; err: () => string } {
  const child = spawn(process.execPath, [MAIN], { env: { ...programEnv(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return { child, out: () => out, err: () => err };
}
