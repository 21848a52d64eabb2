import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '@countersign/runtime';

/** Where a local stack keeps what belongs to its ledger. */
export interface StackFiles {
  readonly stateDir: string;
  readonly passwordsDir: string;
  readonly adminUrl: string;
  readonly runtimeUrl: string;
  readonly readerUrl: string;
  readonly ledgerState: string;
  readonly ledgerPid: string;
  readonly ledgerLog: string;
  readonly ports: string;
  readonly verifier: string;
}

const DATABASE_ROLES = ['ledger_owner', 'ledger_runtime', 'ledger_reader', 'ledger_eraser'] as const;
const PASSWORD_BYTES = 24;

export function stackFiles(stateDir: string): StackFiles {
  const ledger = join(stateDir, 'ledger');
  return {
    stateDir,
    passwordsDir: join(ledger, 'passwords'),
    adminUrl: join(ledger, 'admin-url'),
    runtimeUrl: join(ledger, 'runtime-url'),
    readerUrl: join(ledger, 'reader-url'),
    ledgerState: join(ledger, 'state'),
    ledgerPid: join(ledger, 'pid'),
    ledgerLog: join(stateDir, 'log', 'ledger.log'),
    ports: join(ledger, 'ports.json'),
    verifier: join(stateDir, 'verifier'),
  };
}

/** Makes folders for this user alone, and a random password for each role that has none. */
export async function prepareFiles(files: StackFiles): Promise<void> {
  for (const folder of [files.passwordsDir, files.ledgerState, files.verifier, join(files.stateDir, 'log')]) mkdirSync(folder, { recursive: true });
  chmodSync(join(files.stateDir, 'ledger'), 0o700);
  for (const role of DATABASE_ROLES) {
    const file = join(files.passwordsDir, role);
    if (!existsSync(file)) await writeFileDurably(file, randomBytes(PASSWORD_BYTES).toString('base64url'));
  }
}

/** Writes the connection URLs of the ledger's roles; the server may have another port than last time. */
export async function writeUrls(files: StackFiles, databaseUrl: string): Promise<void> {
  for (const [file, role] of [[files.runtimeUrl, 'ledger_runtime'], [files.readerUrl, 'ledger_reader']] as const) {
    const url = new URL(databaseUrl);
    url.username = role;
    url.password = readFileSync(join(files.passwordsDir, role), 'utf8').trim();
    await writeFileDurably(file, url.href);
  }
}

/** The HTTP port of the last start, so that addresses stay the same. */
export function rememberedPort(files: StackFiles): number | undefined {
  try {
    const { ledger } = JSON.parse(readFileSync(files.ports, 'utf8')) as { ledger?: unknown };
    return typeof ledger === 'number' ? ledger : undefined;
  } catch {
    // Losing the file costs only the wish for the same port.
    return undefined;
  }
}
