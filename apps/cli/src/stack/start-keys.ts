import { rmSync } from 'node:fs';
import { choosePort } from '@countersign/devstack';
import type { Devstack } from '@countersign/devstack';
import { writeFileDurably } from '@countersign/runtime';
import type { deploymentOf, KeysFiles } from './files.js';
import { provisionService, startServiceProcess } from './service-process.js';
import type { ServiceProcess, ServiceProcessOptions } from './service-process.js';

const LOOPBACK = '127.0.0.1';
/** Name of the key that signs destruction receipts of a local stack (RFC 6761 §6.3: nobody's on the Internet). */
const LOCAL_RECEIPT_NAME = 'countersign.localhost/erasures';

type Given = Pick<ServiceProcessOptions, 'env' | 'log'> & { readonly deployment: ReturnType<typeof deploymentOf> };

/** Makes or updates the two databases of the key service, starts it and waits until it is ready. Throws CliError. */
export async function startLocalKeys(files: KeysFiles, devstack: Devstack, { env, log, deployment }: Given): Promise<ServiceProcess> {
  await writeFileDurably(files.adminUrl, devstack.databaseUrl('postgres'));
  try {
    const config = { ...deployment, KEYS_ADMIN_DATABASE_URL_FILE: files.adminUrl, KEYS_ROLE_PASSWORDS_DIR: files.passwordsDir };
    await provisionService({ service: 'keys', env, config, logFile: files.log });
  } finally {
    rmSync(files.adminUrl, { force: true });
  }
  const port = await choosePort(undefined);
  return startServiceProcess({ service: 'keys', env, log, config: { ...deployment, ...keysConfig(files, devstack, port) }, logFile: files.log, pidFile: files.pid, url: `http://${LOOPBACK}:${port}` });
}

function keysConfig(files: KeysFiles, devstack: Devstack, port: number): Record<string, string> {
  return {
    KEYS_DATABASE_URL_FILE: files.databaseUrl,
    KEYS_SUBJECTS_DATABASE_URL_FILE: files.subjectsDatabaseUrl,
    KEYS_NATS_URL: devstack.nats.url,
    KEYS_NATS_SEED_FILE: devstack.nats.users.keys,
    KEYS_SERVICES_FILE: files.services,
    KEYS_EPOCH_DIR: files.epochDir,
    KEYS_ROOT_DIR: files.rootDir,
    KEYS_RECEIPT_NAME: LOCAL_RECEIPT_NAME,
    KEYS_HTTP_HOST: LOOPBACK,
    KEYS_HTTP_PORT: String(port),
  };
}
