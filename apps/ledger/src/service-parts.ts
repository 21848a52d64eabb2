import { join } from 'node:path';
import { connectBus, type BusConnection } from '@countersign/bus';
import { admitDatabase, createPool } from '@countersign/postgres';
import { createLogger, createRegistry, registerBusMetrics, registerDiskMetrics, registerPoolMetrics, type Logger } from '@countersign/runtime';
import { registerSecretMetrics } from '@countersign/secrets';
import { FileArchive, type CheckpointArchive } from './checkpoint/archive.js';
import type { LedgerConfig } from './config.js';
import { openLedgerKeys, type LedgerKeys } from './keys/ledger-keys.js';
import { openLedgerSecrets, type LedgerSecrets } from './ledger-secrets.js';
import { PgAppendStore } from './store/pg-append-store.js';
import { PgCheckpointStore } from './store/pg-checkpoint-store.js';
import { PgIndexStore } from './store/pg-index-store.js';
import { PgKeptBodies } from './store/pg-kept-bodies.js';
import { PgProducers } from './store/pg-producers.js';
import { PgReadStore } from './store/pg-read-store.js';
import { PgTileRows } from './store/pg-tile-rows.js';
import { ROTATION_ROLE, stampOf } from './store/provision.js';
import { TileCache } from './store/tile-cache.js';
import { threadRunner } from './verify/runner.js';
import { VerdictStore } from './verify/verdict-store.js';

const CONNECTIONS_A_POOL_MAX = 8;
// An instance that is frozen in its transaction holds the ledger's lock; the server ends its session after this time, so
// that another instance can go on. A batch takes milliseconds.
const IDLE_IN_TRANSACTION_MS_MAX = 10_000;
const STATEMENT_MS_MAX = 30_000;
const ROTATION_CONNECTIONS_MAX = 2;
const ERASER_CONNECTIONS_MAX = 4;

export type Registry = ReturnType<typeof createRegistry>;
export type Stores = Awaited<ReturnType<typeof openStores>>;

/** What the flows stand on: connections, stores, keys, log, metrics. */
export interface ServiceParts {
  readonly config: LedgerConfig;
  readonly log: Logger;
  readonly secrets: LedgerSecrets;
  readonly registry: Registry;
  readonly stores: Stores;
  readonly keys: LedgerKeys;
  readonly archive: CheckpointArchive;
  readonly bus: BusConnection;
}

/** Opens everything that the service needs. Rejects with the name of what is missing. */
export async function openParts(config: LedgerConfig): Promise<ServiceParts> {
  const log = createLogger({ service: 'ledger', level: config.logLevel });
  const secrets = await openLedgerSecrets(config.secretSources, log);
  const registry = createRegistry({ service: 'ledger' });
  registerSecretMetrics(registry, secrets.all);
  const stores = await openStores(config, secrets, registry, log);
  const bus = await connectBus({
    url: config.natsUrl,
    tlsDir: config.natsTlsDir,
    nkeySeed: secrets.natsSeed,
    name: 'ledger',
    onStatus: (status) => log.info({ status }, 'bus'),
  });
  registerBusMetrics(registry, bus);
  const keys = await openLedgerKeys(config, { bus, secrets, log, registry });
  const archive = new FileArchive(join(config.stateDir, 'checkpoints'));
  return { config, log, secrets, registry, stores, keys, archive, bus };
}

async function openStores(config: LedgerConfig, { databaseUrl, readerDatabaseUrl, eraserDatabaseUrl }: LedgerSecrets, registry: Registry, log: Logger) {
  const onIdleError = (error: Error): void => log.warn({ err: error }, 'idle database connection lost');
  const readers = { url: readerDatabaseUrl, max: CONNECTIONS_A_POOL_MAX, onIdleError, onRefused: readerDatabaseUrl.refused };
  const runtime = createPool({
    url: databaseUrl,
    onRefused: databaseUrl.refused,
    max: CONNECTIONS_A_POOL_MAX,
    applicationName: 'ledger',
    statementTimeoutMs: STATEMENT_MS_MAX,
    idleInTransactionTimeoutMs: IDLE_IN_TRANSACTION_MS_MAX,
    onIdleError,
  });
  const reader = createPool({ ...readers, applicationName: 'ledger-reader' });
  // Verification has connections of its own: a long pass must not keep a reader waiting for a proof.
  const verifier = createPool({ ...readers, applicationName: 'ledger-verifier' });
  // No limit of time: the scan that proves that nothing is left reads whole tables.
  const rotation = createPool({ url: () => asRole(databaseUrl(), ROTATION_ROLE), onRefused: databaseUrl.refused, max: ROTATION_CONNECTIONS_MAX, applicationName: 'ledger-rotation', onIdleError });
  const eraser = eraserDatabaseUrl && createPool({ url: eraserDatabaseUrl, onRefused: eraserDatabaseUrl.refused, max: ERASER_CONNECTIONS_MAX, applicationName: 'ledger-eraser', onIdleError });
  // A receipt promises durability; a server that does not keep the promise is refused, and a role that could take it back.
  for (const pool of [runtime, reader, ...(eraser === undefined ? [] : [eraser])]) await admitDatabase(pool, { ...stampOf(config.deployment), allowFsyncOff: config.allowFsyncOff });
  registerPoolMetrics(registry, { runtime, reader, verifier, rotation, ...(eraser === undefined ? {} : { eraser }) });
  registerDiskMetrics(registry, { state: config.stateDir });
  const runner = threadRunner(config.verifyThreads);
  return {
    reader,
    verifier,
    runner,
    append: new PgAppendStore({ pool: runtime, originOf: (tenant) => `${config.originPrefix}/${tenant}` }),
    checkpoints: new PgCheckpointStore(runtime),
    verdicts: new VerdictStore(runtime),
    index: new PgIndexStore(runtime),
    producers: new PgProducers(reader, runtime),
    read: new PgReadStore(reader),
    kept: new PgKeptBodies(runtime),
    rotation,
    eraser,
    tiles: new TileCache(new PgTileRows(reader)),
    close: async () => {
      await runner.close();
      await Promise.all([runtime.end(), reader.end(), verifier.end(), rotation.end(), eraser?.end()]);
    },
  };
}

/** The same connection, with the rights of another role and no others. */
function asRole(databaseUrl: string, role: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('options', `-c role=${role}`);
  return url.href;
}
