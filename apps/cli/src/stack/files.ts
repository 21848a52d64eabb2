import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Devstack } from '@countersign/devstack';
import { writeFileDurably } from '@countersign/runtime';

/** Where a local stack keeps what belongs to its ledger. */
export interface StackFiles {
  readonly stateDir: string;
  /** Holds what this stack's databases are stamped with. */
  readonly deployment: string;
  readonly passwordsDir: string;
  readonly adminUrl: string;
  readonly runtimeUrl: string;
  readonly readerUrl: string;
  readonly eraserUrl: string;
  readonly ledgerState: string;
  readonly ledgerPid: string;
  readonly ledgerLog: string;
  readonly ports: string;
  readonly verifier: string;
  readonly keys: KeysFiles;
  readonly identity: DatabaseServiceFiles;
  readonly retention: DatabaseServiceFiles;
  readonly edge: EdgeFiles;
  readonly backup: BackupFiles;
}

/** Where a local stack keeps what belongs to its backups. */
export interface BackupFiles {
  readonly dir: string;
  readonly password: string;
  readonly databaseUrl: string;
}

/** Where a local stack keeps what belongs to its key service. */
export interface KeysFiles {
  readonly passwordsDir: string;
  readonly adminUrl: string;
  readonly databaseUrl: string;
  readonly subjectsDatabaseUrl: string;
  readonly services: string;
  /** Public key by which services know the answers of the key service. */
  readonly publicKey: string;
  readonly epochDir: string;
  readonly rootDir: string;
  readonly pid: string;
  readonly log: string;
}

/** Where a local stack keeps what belongs to identity, or to retention. */
export interface DatabaseServiceFiles {
  readonly passwordsDir: string;
  readonly adminUrl: string;
  readonly databaseUrl: string;
  readonly pid: string;
  readonly log: string;
}

/** Where a local stack keeps what belongs to its edge. */
export interface EdgeFiles {
  /** The certificate that clients of this stack are given to trust, and its key. */
  readonly tlsDir: string;
  readonly pid: string;
  readonly log: string;
}

const DATABASE_ROLES = ['ledger_owner', 'ledger_runtime', 'ledger_reader', 'ledger_eraser'] as const;
const KEYS_ROLES = ['keys_owner', 'keys_runtime', 'keys_reader'] as const;
const IDENTITY_ROLES = ['identity_owner', 'identity_runtime', 'identity_reader'] as const;
const RETENTION_ROLES = ['retention_owner', 'retention_runtime', 'retention_reader'] as const;
/** Who asks the key service. */
const KEY_USERS = ['ledger', 'identity', 'retention', 'edge', 'operator'] as const;
const PASSWORD_BYTES = 24;
const DEPLOYMENT_BYTES = 4;

export function stackFiles(stateDir: string): StackFiles {
  const ledger = join(stateDir, 'ledger');
  return {
    stateDir,
    deployment: join(stateDir, 'deployment'),
    passwordsDir: join(ledger, 'passwords'),
    adminUrl: join(ledger, 'admin-url'),
    runtimeUrl: join(ledger, 'runtime-url'),
    readerUrl: join(ledger, 'reader-url'),
    eraserUrl: join(ledger, 'eraser-url'),
    ledgerState: join(ledger, 'state'),
    ledgerPid: join(ledger, 'pid'),
    ledgerLog: join(stateDir, 'log', 'ledger.log'),
    ports: join(ledger, 'ports.json'),
    verifier: join(stateDir, 'verifier'),
    keys: keysFiles(stateDir),
    identity: databaseServiceFiles(stateDir, 'identity'),
    retention: databaseServiceFiles(stateDir, 'retention'),
    edge: { tlsDir: join(stateDir, 'edge', 'tls'), pid: join(stateDir, 'edge', 'pid'), log: join(stateDir, 'log', 'edge.log') },
    backup: { dir: join(stateDir, 'backup'), password: join(stateDir, 'backup', 'password'), databaseUrl: join(stateDir, 'backup', 'database-url') },
  };
}

function keysFiles(stateDir: string): KeysFiles {
  const keys = join(stateDir, 'keys');
  return {
    passwordsDir: join(keys, 'passwords'),
    adminUrl: join(keys, 'admin-url'),
    databaseUrl: join(keys, 'database-url'),
    subjectsDatabaseUrl: join(keys, 'subjects-database-url'),
    services: join(keys, 'services.json'),
    publicKey: join(keys, 'public-key'),
    epochDir: join(keys, 'epochs'),
    rootDir: join(keys, 'root'),
    pid: join(keys, 'pid'),
    log: join(stateDir, 'log', 'keys.log'),
  };
}

function databaseServiceFiles(stateDir: string, service: string): DatabaseServiceFiles {
  const own = join(stateDir, service);
  return {
    passwordsDir: join(own, 'passwords'),
    adminUrl: join(own, 'admin-url'),
    databaseUrl: join(own, 'database-url'),
    pid: join(own, 'pid'),
    log: join(stateDir, 'log', `${service}.log`),
  };
}

/** Makes folders for this user alone, a random password for each role that has none, and a name for the deployment. */
export async function prepareFiles(files: StackFiles): Promise<void> {
  const folders = [files.passwordsDir, files.ledgerState, files.verifier, files.keys.passwordsDir, files.identity.passwordsDir, files.retention.passwordsDir, files.edge.tlsDir, files.backup.dir, join(files.stateDir, 'log')];
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  for (const folder of ['ledger', 'keys', 'identity', 'retention', 'edge', 'backup']) chmodSync(join(files.stateDir, folder), 0o700);
  const inFolder = (folder: string, roles: readonly string[]): string[] => roles.map((role) => join(folder, role));
  const roles = [...inFolder(files.passwordsDir, DATABASE_ROLES), ...inFolder(files.keys.passwordsDir, KEYS_ROLES), ...inFolder(files.identity.passwordsDir, IDENTITY_ROLES), ...inFolder(files.retention.passwordsDir, RETENTION_ROLES), files.backup.password];
  if (!existsSync(files.deployment)) await writeFileDurably(files.deployment, `local-${randomBytes(DEPLOYMENT_BYTES).toString('hex')}\n`);
  for (const file of roles) if (!existsSync(file)) await writeFileDurably(file, randomBytes(PASSWORD_BYTES).toString('base64url'));
}

/** Writes the connection URLs of the ledger's roles; the server may have another port than last time. */
export async function writeUrls(files: StackFiles, databaseUrl: string): Promise<void> {
  for (const [file, role] of [[files.runtimeUrl, 'ledger_runtime'], [files.readerUrl, 'ledger_reader'], [files.eraserUrl, 'ledger_eraser']] as const) {
    await writeUrl(file, databaseUrl, role, files.passwordsDir);
  }
}

/** The same for the key service, with what it must know of the users of the bus. */
export async function writeKeysFiles(files: KeysFiles, devstack: Devstack): Promise<void> {
  await writeUrl(files.databaseUrl, devstack.databaseUrl('keys'), 'keys_runtime', files.passwordsDir);
  await writeUrl(files.subjectsDatabaseUrl, devstack.databaseUrl('keys_subjects'), 'keys_runtime', files.passwordsDir);
  const { publicKeys } = devstack.nats;
  const known = Object.fromEntries(KEY_USERS.map((name) => [name, { publicKey: publicKeys[name] }]));
  await writeFileDurably(files.services, `${JSON.stringify(known, null, 2)}\n`);
  await writeFileDurably(files.publicKey, `${publicKeys.keys}\n`);
}

/** The same for identity and retention. */
export async function writeServiceUrl(files: DatabaseServiceFiles, devstack: Devstack, service: 'identity' | 'retention'): Promise<void> {
  await writeUrl(files.databaseUrl, devstack.databaseUrl(service), `${service}_runtime`, files.passwordsDir);
}

async function writeUrl(file: string, databaseUrl: string, role: string, passwordsDir: string): Promise<void> {
  const url = new URL(databaseUrl);
  url.username = role;
  url.password = readFileSync(join(passwordsDir, role), 'utf8').trim();
  await writeFileDurably(file, url.href);
}

/** The ports of the last start, so that addresses stay the same. */
export function rememberedPorts(files: StackFiles): { readonly ledger?: number; readonly edge?: number } {
  try {
    const { ledger, edge } = JSON.parse(readFileSync(files.ports, 'utf8')) as { ledger?: unknown; edge?: unknown };
    return { ...(typeof ledger === 'number' ? { ledger } : {}), ...(typeof edge === 'number' ? { edge } : {}) };
  } catch {
    // Losing the file costs only the wish for the same ports.
    return {};
  }
}

/** What services of this stack must find their databases stamped with. */
export function deploymentOf(files: Pick<StackFiles, 'deployment'>): { readonly COUNTERSIGN_DEPLOYMENT: string } {
  return { COUNTERSIGN_DEPLOYMENT: readFileSync(files.deployment, 'utf8').trim() };
}
