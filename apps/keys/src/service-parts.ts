import { join } from 'node:path';
import { connectBus, type BusConnection } from '@countersign/bus';
import { nkeyPrivateKey } from '@countersign/envelope';
import { openEventStore, type EventStore } from '@countersign/event-store';
import { admitDatabase, createPool, type Pool } from '@countersign/postgres';
import { createLogger, createRegistry, registerBusMetrics, registerDiskMetrics, registerPoolMetrics, type Logger } from '@countersign/runtime';
import { liveValue, registerSecretMetrics, type LiveText } from '@countersign/secrets';
import type { KeyObject } from 'node:crypto';
import type { Registry } from 'prom-client';
import type { KeysConfig } from './config.js';
import { EpochFiles } from './epoch/epoch-files.js';
import { ErasureJournal } from './epoch/erasure-journal.js';
import { KeyRing } from './keyring/key-ring.js';
import { openKeysSecrets, type KeysSecrets } from './keys-secrets.js';
import { readServices, type KnownServices } from './request/known-services.js';
import { openRootKey } from './root/open-root-key.js';
import type { RootKeyProvider } from './root/root-key-provider.js';
import { HolderRows } from './store/holder-rows.js';
import { KeyRows } from './store/key-rows.js';
import { stampOf } from './store/provision.js';
import { readEpoch } from './store/subject-rows.js';

export const SOURCE = 'keys';
const CONNECTIONS_A_POOL_MAX = 16;
const IDLE_IN_TRANSACTION_MS_MAX = 10_000;
const STATEMENT_MS_MAX = 30_000;
/** Each lease is an event: those of so long are numbered, sent and settled together. */
const RELAY_GATHER_MS = 200;

/** What the flows stand on: connections, stores, root key, log, metrics. */
export interface ServiceParts {
  readonly config: KeysConfig;
  readonly log: Logger;
  readonly registry: Registry;
  readonly pool: Pool;
  readonly subjectPool: Pool;
  readonly bus: BusConnection;
  readonly root: RootKeyProvider;
  readonly closeRoot: () => void;
  readonly store: EventStore;
  readonly rows: KeyRows;
  readonly holders: HolderRows;
  readonly ring: KeyRing;
  readonly files: EpochFiles;
  readonly journal: ErasureJournal;
  readonly secrets: KeysSecrets;
  readonly services: () => KnownServices;
  /** Signs answers. */
  readonly privateKey: () => KeyObject;
}

/** Opens everything that the service needs. Rejects with the name of what is missing. */
export async function openParts(config: KeysConfig): Promise<ServiceParts> {
  const log = createLogger({ service: SOURCE, level: config.logLevel });
  const secrets = await openKeysSecrets(config.secretSources, log);
  const malformed = (what: string) => (error: unknown): void => log.error({ err: error }, `${what} cannot be read, the one before holds`);
  const services = liveValue(secrets.services, readServices, malformed('the new list of services'));
  const privateKey = liveValue(secrets.natsSeed, nkeyPrivateKey, malformed('the new nkey seed'));
  const registry = createRegistry({ service: SOURCE });
  registerSecretMetrics(registry, secrets.all);
  const pool = openPool(secrets.databaseUrl, 'keys', log);
  const subjectPool = openPool(secrets.subjectsDatabaseUrl, 'keys-subjects', log);
  registerPoolMetrics(registry, { keys: pool, subjects: subjectPool });
  registerDiskMetrics(registry, { epoch: config.epochDir });
  // A key that was handed out must not be forgotten in a power cut, nor an erasure.
  for (const [which, each] of [['keys', pool], ['keys_subjects', subjectPool]] as const) await admitDatabase(each, { ...stampOf(config.deployment, which), allowFsyncOff: config.allowFsyncOff });
  const { rootKey: root, close: closeRoot } = await openRoot(config, secrets, pool, subjectPool, log);
  const bus = await connectBus({ url: config.natsUrl, tlsDir: config.natsTlsDir, nkeySeed: secrets.natsSeed, name: SOURCE, onStatus: (status) => log.info({ status }, 'bus') });
  registerBusMetrics(registry, bus);
  const store = openEventStore({ source: SOURCE, pool, schema: 'public', relay: { connection: bus, log, gatherMs: RELAY_GATHER_MS } });
  const rows = new KeyRows(pool);
  // What was leased before a rotation may encrypt until it ends, and is stored soon after.
  const holders = new HolderRows(pool, config.leaseMs + config.retireSettleMs);
  const ring = new KeyRing({ store, rows, root, policy: config.rotation, now: Date.now });
  const files = new EpochFiles(join(config.epochDir, 'keys'), root);
  const journal = new ErasureJournal(join(config.epochDir, 'erasures'));
  return { config, log, registry, pool, subjectPool, bus, root, closeRoot, store, rows, holders, ring, files, journal, secrets, services, privateKey };
}

export async function closeParts({ store, bus, pool, subjectPool, closeRoot, secrets }: ServiceParts): Promise<void> {
  await store.close();
  await bus.close();
  closeRoot();
  await Promise.all([pool.end(), subjectPool.end()]);
  secrets.all.close();
}

function openPool(url: LiveText, applicationName: string, log: Logger): Pool {
  return createPool({
    url,
    onRefused: url.refused,
    max: CONNECTIONS_A_POOL_MAX,
    applicationName,
    statementTimeoutMs: STATEMENT_MS_MAX,
    idleInTransactionTimeoutMs: IDLE_IN_TRANSACTION_MS_MAX,
    onIdleError: (error) => log.warn({ err: error }, 'idle database connection lost'),
  });
}

async function openRoot(config: KeysConfig, secrets: KeysSecrets, pool: Pool, subjectPool: Pool, log: Logger): ReturnType<typeof openRootKey> {
  const { rows } = await pool.query<{ exists: boolean }>('SELECT EXISTS (SELECT FROM key_versions) AS exists');
  const { current } = await readEpoch(subjectPool);
  return openRootKey(config.rootKey, {
    passphrase: secrets.rootPassphrase,
    previousPassphrase: secrets.rootPreviousPassphrase,
    // With keys in the databases a missing root key is a lost one, or a folder that is not mounted.
    mayCreate: rows[0]?.exists !== true && current === 0,
    now: Date.now,
    log,
  });
}
