import { connectBus, type BusConnection } from '@countersign/bus';
import { RETENTION_SERVICE } from '@countersign/contracts';
import { openEventStore, type EventStore, type PersonalCipher } from '@countersign/event-store';
import { HolderClient } from '@countersign/holder';
import { openKeys, type Keys } from '@countersign/key-client';
import { admitDatabase, createPool, type Pool } from '@countersign/postgres';
import { createLogger, createRegistry, registerBusMetrics, registerDiskMetrics, registerPoolMetrics, type Logger } from '@countersign/runtime';
import { registerSecretMetrics } from '@countersign/secrets';
import type { Registry } from 'prom-client';
import type { RetentionConfig } from './config.js';
import { openRetentionSecrets, type RetentionSecrets } from './retention-secrets.js';
import { stampOf } from './store/provision.js';

export const SOURCE = RETENTION_SERVICE;
const CONNECTIONS_MAX = 16;
const IDLE_IN_TRANSACTION_MS_MAX = 10_000;
const STATEMENT_MS_MAX = 30_000;
const KEYS_MS_MAX = 3_000;

/** What the flows stand on: connections, stores, keys, log, metrics. */
export interface ServiceParts {
  readonly config: RetentionConfig;
  readonly log: Logger;
  readonly registry: Registry;
  readonly secrets: RetentionSecrets;
  readonly pool: Pool;
  readonly bus: BusConnection;
  readonly keys: Keys;
  readonly store: EventStore;
  readonly holders: HolderClient;
}

/** Opens everything that the service needs. Rejects with the name of what is missing. */
export async function openParts(config: RetentionConfig): Promise<ServiceParts> {
  const log = createLogger({ service: SOURCE, level: config.logLevel });
  const secrets = await openRetentionSecrets(config.secretSources, log);
  const registry = createRegistry({ service: SOURCE });
  registerSecretMetrics(registry, secrets.all);
  const pool = createPool({
    url: secrets.databaseUrl,
    onRefused: secrets.databaseUrl.refused,
    max: CONNECTIONS_MAX,
    applicationName: SOURCE,
    statementTimeoutMs: STATEMENT_MS_MAX,
    idleInTransactionTimeoutMs: IDLE_IN_TRANSACTION_MS_MAX,
    onIdleError: (error) => log.warn({ err: error }, 'idle database connection lost'),
  });
  registerPoolMetrics(registry, { retention: pool });
  registerDiskMetrics(registry, { state: config.stateDir, ...(config.s3 === undefined ? { files: config.filesDir } : {}) });
  // A hold that was promised must not be forgotten in a power cut.
  await admitDatabase(pool, { ...stampOf(config.deployment), allowFsyncOff: config.allowFsyncOff });
  const bus = await connectBus({ url: config.natsUrl, tlsDir: config.natsTlsDir, nkeySeed: secrets.natsSeed, name: SOURCE, onStatus: (status) => log.info({ status }, 'bus') });
  registerBusMetrics(registry, bus);
  const keys = openKeys({
    bus,
    service: SOURCE,
    nkeySeed: secrets.natsSeed(),
    keysPublicKeyFile: config.keysPublicKeyFile,
    timeoutMs: KEYS_MS_MAX,
    onError: (error) => log.warn({ err: error }, 'uses of keys not reported, they are reported again'),
  });
  const store = openEventStore({ source: SOURCE, pool, schema: 'public', cipher: cipherOf(keys), relay: { connection: bus, log } });
  return { config, log, registry, secrets, pool, bus, keys, store, holders: new HolderClient(bus) };
}

export async function closeParts({ store, keys, bus, pool, secrets }: ServiceParts): Promise<void> {
  await store.close();
  await keys.close();
  await bus.close();
  await pool.end();
  secrets.all.close();
}

function cipherOf({ subjects }: Keys): PersonalCipher {
  return { seal: (items) => subjects.sealAll(items), open: (items) => subjects.openAll(items) };
}
