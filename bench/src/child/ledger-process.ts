import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort, type Devstack } from '@countersign/devstack';
import { launch, LOOPBACK, program, provision, whenReady, writePasswords, writePrivate, type ServiceProcess } from './service-process.js';

export const DATABASE = 'ledger';

/** Provisions the ledger's database and starts the ledger on it, both in processes of their own, as a deployment does. */
export async function startLedger(stack: Devstack, nodeArgs: readonly string[], keptLogFile: string | undefined, keys: 'service' | 'sealed-file'): Promise<ServiceProcess> {
  const dir = join(stack.stateDir, 'ledger');
  const logFile = keptLogFile ?? join(dir, 'ledger.log');
  const secrets = writeSecrets(stack, dir);
  const config = { LEDGER_ADMIN_DATABASE_URL_FILE: secrets.admin, LEDGER_DATABASE_NAME: DATABASE, LEDGER_ROLE_PASSWORDS_DIR: secrets.passwords };
  await provision('ledger', dir, config, logFile);
  rmSync(secrets.admin);
  const port = await choosePort();
  // The folder among the arguments lets whoever cleans up after a killed run find this process.
  const child = launch([...nodeArgs, program('ledger'), dir], {
    LEDGER_DATABASE_URL_FILE: secrets.runtime,
    LEDGER_READER_DATABASE_URL_FILE: secrets.reader,
    LEDGER_NATS_URL: stack.nats.url,
    LEDGER_NATS_SEED_FILE: stack.nats.users.ledger,
    LEDGER_STATE_DIR: join(dir, 'state'),
    LEDGER_KEYS: keys,
    LEDGER_KEYS_PUBLIC_KEY_FILE: writePrivate(join(dir, 'keys-public-key'), stack.nats.publicKeys.keys),
    LEDGER_ORIGIN_PREFIX: 'bench.localhost',
    LEDGER_HTTP_PORT: String(port),
  }, logFile);
  return whenReady('ledger', child, `http://${LOOPBACK}:${port}`, logFile);
}

function writeSecrets(stack: Devstack, dir: string) {
  const passwords = join(dir, 'passwords');
  const urlOf = writePasswords(passwords, ['ledger_owner', 'ledger_runtime', 'ledger_reader', 'ledger_eraser']);
  mkdirSync(join(dir, 'state'));
  const url = stack.databaseUrl(DATABASE);
  return {
    passwords,
    admin: writePrivate(join(dir, 'admin-url'), stack.postgres.superuserUrl),
    runtime: writePrivate(join(dir, 'runtime-url'), urlOf(url, 'ledger_runtime')),
    reader: writePrivate(join(dir, 'reader-url'), urlOf(url, 'ledger_reader')),
  };
}
