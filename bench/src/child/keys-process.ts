import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort, type Devstack } from '@countersign/devstack';
import { launch, LOOPBACK, program, provision, whenReady, writePasswords, writePrivate, type ServiceProcess } from './service-process.js';

/** Its two databases: the key tables, and the subjects' keys apart. */
export const KEYS_DATABASE = 'keys';
export const SUBJECTS_DATABASE = 'keys_subjects';
/** Rewrapping is measured, not its brake. */
const ROWS_PER_SECOND = '1000000';

/** Provisions the key service's databases and starts it, both in processes of their own, as a deployment does. */
export async function startKeys(stack: Devstack, nodeArgs: readonly string[], keptLogFile: string | undefined, changes: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
  const dir = join(stack.stateDir, 'keys');
  const passwords = join(dir, 'passwords');
  const urlOf = writePasswords(passwords, ['keys_owner', 'keys_runtime', 'keys_reader']);
  const logFile = keptLogFile ?? join(dir, 'keys.log');
  const admin = writePrivate(join(dir, 'admin-url'), stack.postgres.superuserUrl);
  await provision('keys', dir, { KEYS_ADMIN_DATABASE_URL_FILE: admin, KEYS_ROLE_PASSWORDS_DIR: passwords }, logFile);
  rmSync(admin);
  const { ledger, identity, operator } = stack.nats.publicKeys;
  const known = { ledger: { publicKey: ledger }, identity: { publicKey: identity }, operator: { publicKey: operator } };
  const port = await choosePort();
  // The folder among the arguments lets whoever cleans up after a killed run find this process.
  const child = launch([...nodeArgs, program('keys'), dir], {
    KEYS_DATABASE_URL_FILE: writePrivate(join(dir, 'url'), urlOf(stack.databaseUrl(KEYS_DATABASE), 'keys_runtime')),
    KEYS_SUBJECTS_DATABASE_URL_FILE: writePrivate(join(dir, 'subjects-url'), urlOf(stack.databaseUrl(SUBJECTS_DATABASE), 'keys_runtime')),
    KEYS_NATS_URL: stack.nats.url,
    KEYS_NATS_SEED_FILE: stack.nats.users.keys,
    KEYS_SERVICES_FILE: writePrivate(join(dir, 'services.json'), JSON.stringify(known)),
    KEYS_EPOCH_DIR: join(dir, 'epochs'),
    KEYS_ROOT_DIR: join(dir, 'root'),
    KEYS_RECEIPT_NAME: 'bench.localhost/erasures',
    KEYS_REWRAP_ROWS_PER_SECOND: ROWS_PER_SECOND,
    KEYS_HTTP_PORT: String(port),
    ...changes,
  }, logFile);
  return whenReady('keys', child, `http://${LOOPBACK}:${port}`, logFile);
}
