import { FallbackAttempts, MemoryAttempts, RedisAttempts, type Attempts } from '@countersign/attempts';
import { connectBus, type BusConnection } from '@countersign/bus';
import { openEventStore, type EventStore, type PersonalCipher } from '@countersign/event-store';
import { openKeys, type Keys } from '@countersign/key-client';
import { admitDatabase, createPool, type Pool } from '@countersign/postgres';
import { createLogger, createRegistry, registerBusMetrics, registerPoolMetrics, type Logger } from '@countersign/runtime';
import { registerSecretMetrics } from '@countersign/secrets';
import { Gauge, type Registry } from 'prom-client';
import type { IdentityConfig } from './config.js';
import { openIdentitySecrets, type IdentitySecrets } from './identity-secrets.js';
import { stampOf } from './store/provision.js';

export const SOURCE = 'identity';
const CONNECTIONS_MAX = 16;
const IDLE_IN_TRANSACTION_MS_MAX = 10_000;
const STATEMENT_MS_MAX = 10_000;
/** Whoever signs in waits this long for nothing while the key service is away. */
const KEYS_MS_MAX = 3_000;

/** What the flows stand on: connections, stores, keys, log, metrics. */
export interface ServiceParts {
  readonly config: IdentityConfig;
  readonly log: Logger;
  readonly registry: Registry;
  readonly secrets: IdentitySecrets;
  readonly pool: Pool;
  readonly bus: BusConnection;
  readonly keys: Keys;
  readonly store: EventStore;
  readonly attempts: Attempts;
}

/** Opens everything that the service needs. Rejects with the name of what is missing. */
export async function openParts(config: IdentityConfig): Promise<ServiceParts> {
  const log = createLogger({ service: SOURCE, level: config.logLevel });
  const secrets = await openIdentitySecrets(config.secretSources, log);
  const registry = createRegistry({ service: SOURCE });
  registerSecretMetrics(registry, secrets.all);
  const pool = createPool({
    url: secrets.databaseUrl,
    onRefused: secrets.databaseUrl.refused,
    max: CONNECTIONS_MAX,
    applicationName: SOURCE,
    arePrepared: true,
    statementTimeoutMs: STATEMENT_MS_MAX,
    idleInTransactionTimeoutMs: IDLE_IN_TRANSACTION_MS_MAX,
    onIdleError: (error) => log.warn({ err: error }, 'idle database connection lost'),
  });
  registerPoolMetrics(registry, { identity: pool });
  // A revocation that was promised must not be forgotten in a power cut.
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
  return { config, log, registry, secrets, pool, bus, keys, store, attempts: openAttempts(secrets, registry, log) };
}

export async function closeParts({ store, keys, bus, pool, attempts, secrets }: ServiceParts): Promise<void> {
  await store.close();
  await keys.close();
  await bus.close();
  await attempts.close();
  await pool.end();
  secrets.all.close();
}

function cipherOf({ subjects }: Keys): PersonalCipher {
  return { seal: (items) => subjects.sealAll(items), open: (items) => subjects.openAll(items) };
}

/** Without Redis, and while it is away, each instance counts for itself. */
function openAttempts({ redisUrl }: IdentitySecrets, registry: Registry, log: Logger): Attempts {
  const memory = new MemoryAttempts();
  if (redisUrl === undefined) return memory;
  const degraded = new Gauge({ name: 'countersign_identity_attempts_degraded', help: '1 while Redis does not answer and each instance counts attempts for itself', registers: [registry] });
  const redis = new RedisAttempts({ url: redisUrl });
  return new FallbackAttempts(redis, memory, {
    onDegraded: (isDegraded, error) => {
      degraded.set(isDegraded ? 1 : 0);
      if (isDegraded) log.warn({ err: error }, 'Redis does not answer: attempts are counted in memory');
      else log.info({}, 'Redis answers again');
    },
  });
}
