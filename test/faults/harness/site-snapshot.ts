import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withClient } from '@countersign/postgres';
import type { Deployment } from './deployment.js';

/** Every database of a deployment, and who owns it. */
const OWNERS = { identity: 'identity_owner', ledger: 'ledger_owner', retention: 'retention_owner', keys: 'keys_owner', keys_subjects: 'keys_owner' } as const;
type Database = keyof typeof OWNERS;
export const DATABASES = Object.keys(OWNERS) as readonly Database[];

const before = (name: string): string => `${name}_before`;

/** All databases and the ledger's state, as a backup at night would have them; no epoch keys and no tombstones, by the rule. */
export async function takeSnapshot(deployment: Deployment): Promise<void> {
  await stopServices(deployment);
  await alone(deployment, DATABASES.map((name) => `CREATE DATABASE ${before(name)} TEMPLATE ${name} OWNER ${OWNERS[name]}`));
  cpSync(ledgerState(deployment), `${ledgerState(deployment)}-before`, { recursive: true });
  await startServices(deployment);
}

/** Puts these databases back while no service runs; with the ledger's also its state. What they replace stays as `<name>_lost`. */
export async function putBack(deployment: Deployment, databases: readonly Database[]): Promise<void> {
  await alone(deployment, databases.flatMap((name) => [`ALTER DATABASE ${name} RENAME TO ${name}_lost`, `CREATE DATABASE ${name} TEMPLATE ${before(name)} OWNER ${OWNERS[name]}`]));
  if (!databases.includes('ledger')) return;
  rmSync(ledgerState(deployment), { recursive: true });
  cpSync(`${ledgerState(deployment)}-before`, ledgerState(deployment), { recursive: true });
}

/** Takes back what {@link putBack} did to one. */
export async function takeUpAgain(deployment: Deployment, name: Database): Promise<void> {
  await alone(deployment, [`DROP DATABASE ${name}`, `ALTER DATABASE ${name}_lost RENAME TO ${name}`]);
}

export async function stopServices({ platform: { identity, retention, ledger, keys } }: Deployment): Promise<void> {
  await Promise.all([identity.stop(), retention.stop(), ledger.stop()]);
  await keys.stop();
}

/** The key service first: the others ask it while they start. */
export async function startServices({ platform: { identity, retention, ledger, keys } }: Deployment): Promise<void> {
  await keys.start();
  await Promise.all([identity.start(), retention.start(), ledger.start()]);
}

const ledgerState = ({ folder }: Deployment): string => join(folder, 'ledger-service/state');

/** As superuser, while nobody is connected to the databases. */
async function alone({ stack }: Deployment, statements: readonly string[]): Promise<void> {
  await withClient(stack.databaseUrl('postgres'), async (client) => {
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()`);
    for (const sql of statements) await client.query(sql);
  });
}
