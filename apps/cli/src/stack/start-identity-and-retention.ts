import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort } from '@countersign/devstack';
import type { Devstack } from '@countersign/devstack';
import { writeFileDurably } from '@countersign/runtime';
import { deploymentOf, writeServiceUrl } from './files.js';
import type { StackFiles } from './files.js';
import { provisionService, startServiceProcess } from './service-process.js';
import type { ServiceProcess, ServiceProcessOptions } from './service-process.js';

const LOOPBACK = '127.0.0.1';

type Given = Pick<ServiceProcessOptions, 'env' | 'log'>;

/** Makes or updates identity's database, starts it and waits until it is ready. Throws CliError. */
export function startLocalIdentity(files: StackFiles, devstack: Devstack, given: Given & { readonly publicOrigin: string }): Promise<ServiceProcess> {
  return startWithDatabase('identity', files, devstack, given, {
    IDENTITY_PUBLIC_ORIGIN: given.publicOrigin,
    IDENTITY_REGISTRATION: 'open',
    // A stack on one machine tells nobody else anything, not even five digits of a hash; set it to "api" to ask.
    IDENTITY_LEAKED_PASSWORDS: 'off',
  });
}

/** The same for retention. */
export function startLocalRetention(files: StackFiles, devstack: Devstack, given: Given): Promise<ServiceProcess> {
  return startWithDatabase('retention', files, devstack, given, { RETENTION_STATE_DIR: join(files.stateDir, 'retention', 'state') });
}

async function startWithDatabase(service: 'identity' | 'retention', all: StackFiles, devstack: Devstack, { env, log }: Given, own: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const files = all[service];
  const variable = service.toUpperCase();
  await writeServiceUrl(files, devstack, service);
  await writeFileDurably(files.adminUrl, devstack.databaseUrl('postgres'));
  try {
    const config = { ...deploymentOf(all), [`${variable}_ADMIN_DATABASE_URL_FILE`]: files.adminUrl, [`${variable}_ROLE_PASSWORDS_DIR`]: files.passwordsDir };
    await provisionService({ service, env, config, logFile: files.log });
  } finally {
    rmSync(files.adminUrl, { force: true });
  }
  const port = await choosePort(undefined);
  const config = {
    ...deploymentOf(all),
    [`${variable}_DATABASE_URL_FILE`]: files.databaseUrl,
    [`${variable}_NATS_SEED_FILE`]: devstack.nats.users[service],
    [`${variable}_NATS_URL`]: devstack.nats.url,
    [`${variable}_KEYS_PUBLIC_KEY_FILE`]: all.keys.publicKey,
    [`${variable}_HTTP_HOST`]: LOOPBACK,
    [`${variable}_HTTP_PORT`]: String(port),
    ...own,
  };
  return startServiceProcess({ service, env, log, config, logFile: files.log, pidFile: files.pid, url: `http://${LOOPBACK}:${port}` });
}
