import { rmSync } from 'node:fs';
import { choosePort } from '@countersign/devstack';
import type { Devstack } from '@countersign/devstack';
import { writeFileDurably } from '@countersign/runtime';
import { writeIdentityUrl } from './files.js';
import type { StackFiles } from './files.js';
import { provisionService, startServiceProcess } from './service-process.js';
import type { ServiceProcess, ServiceProcessOptions } from './service-process.js';

const LOOPBACK = '127.0.0.1';
const DATABASE = 'identity';

/** Makes or updates identity's database, starts it and waits until it is ready. Throws CliError. */
export async function startLocalIdentity({ identity, keys }: StackFiles, devstack: Devstack, { env, log, publicOrigin }: Pick<ServiceProcessOptions, 'env' | 'log'> & { readonly publicOrigin: string }): Promise<ServiceProcess> {
  await writeIdentityUrl(identity, devstack.databaseUrl(DATABASE));
  await writeFileDurably(identity.adminUrl, devstack.databaseUrl('postgres'));
  try {
    const config = { IDENTITY_ADMIN_DATABASE_URL_FILE: identity.adminUrl, IDENTITY_ROLE_PASSWORDS_DIR: identity.passwordsDir };
    await provisionService({ service: 'identity', env, config, logFile: identity.log });
  } finally {
    rmSync(identity.adminUrl, { force: true });
  }
  const port = await choosePort(undefined);
  const config = {
    IDENTITY_DATABASE_URL_FILE: identity.databaseUrl,
    IDENTITY_NATS_SEED_FILE: devstack.nats.users.identity,
    IDENTITY_NATS_URL: devstack.nats.url,
    IDENTITY_KEYS_PUBLIC_KEY_FILE: keys.publicKey,
    IDENTITY_PUBLIC_ORIGIN: publicOrigin,
    IDENTITY_REGISTRATION: 'open',
    // A stack on one machine tells nobody else anything, not even five digits of a hash; set it to "api" to ask.
    IDENTITY_LEAKED_PASSWORDS: 'off',
    IDENTITY_HTTP_HOST: LOOPBACK,
    IDENTITY_HTTP_PORT: String(port),
  };
  return startServiceProcess({ service: 'identity', env, log, config, logFile: identity.log, pidFile: identity.pid, url: `http://${LOOPBACK}:${port}` });
}
