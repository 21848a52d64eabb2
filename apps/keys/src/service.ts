import { randomUUID } from 'node:crypto';
import { KEY_USES_MAX, TENANT_KEY_PURPOSE } from '@countersign/contracts';
import { createOperations, type Readiness } from '@countersign/operations-http';
import type { Logger, ShutdownStep } from '@countersign/runtime';
import type { KeysConfig } from './config.js';
import { Roller } from './epoch/roller.js';
import { SELF } from './keyring/key-ring.js';
import { certificateHandlers } from './operations/certificates.js';
import { checkpointHandlers, reportSignatures } from './operations/checkpoints.js';
import { dataKeyHandlers, type LeasePolicy } from './operations/data-keys.js';
import { Erasures } from './operations/erasures.js';
import { holdingHandlers } from './operations/holdings.js';
import { carryOutDue, lifecycleHandlers } from './operations/lifecycle.js';
import { LogSigner } from './operations/log-signer.js';
import { overviewHandlers } from './operations/overview.js';
import { signingImportHandlers } from './operations/signing-import.js';
import { subjectKeyHandlers } from './operations/subject-keys.js';
import { SubjectStore } from './operations/subject-store.js';
import { wrappedKeyHandlers } from './operations/wrapped-keys.js';
import { Nonces } from './request/nonces.js';
import { Receiver } from './request/receiver.js';
import { Refusals } from './request/refusals.js';
import { retireProven } from './rewrap/retire-proven.js';
import { rewrapAll } from './rewrap/tenant-rewrap.js';
import { every, type Loop } from './service-loops.js';
import { serviceMetrics } from './service-metrics.js';
import { closeParts, openParts, type ServiceParts } from './service-parts.js';
import { readEpoch } from './store/subject-rows.js';

const REFUSALS_FLUSH_MS = 1_000;
const SIGNATURES_REPORT_MS = 60_000;
const DUE_PAUSE_MS = 30_000;
const REWRAP_PAUSE_MS = 30_000;
const RETIRE_PAUSE_MS = 60_000;
const EPOCH_PAUSE_MS = 30_000;
const ERASURES_PAUSE_MS = 10_000;
/**
 * Uses of one lease of a subject's key: few persons cause so many events within a lease, and who does is leased again. So one
 * key has 2^18 leases: with one of 5 minutes always in use, years.
 */
const SUBJECT_LEASE_USES = 2 ** 14;

export interface RunningKeys {
  /** Where health and metrics are. */
  readonly url: string;
  readonly log: Logger;
  /** What a graceful shutdown does, in order. */
  readonly shutdown: readonly ShutdownStep[];
}

/** Wires the key service's flows together and starts them. Rejects when something that it needs is missing. */
export async function startKeys(config: KeysConfig): Promise<RunningKeys> {
  const parts = await openParts(config);
  try {
    return await start(parts);
  } catch (error) {
    await closeParts(parts);
    throw error;
  }
}

async function start(parts: ServiceParts): Promise<RunningKeys> {
  const { config } = parts;
  const { log, bus, pool, subjectPool, store, files, journal, ring, rows, holders } = parts;
  const now = (): Date => new Date();
  const roller = new Roller({ pool: subjectPool, files, journal, now, rowsPerSecondMax: config.rowsPerSecondMax });
  await roller.open();
  const signer = new LogSigner(ring);
  const subjects = new SubjectStore({ pool: subjectPool, files, ring, leasesMax: Math.floor(KEY_USES_MAX / SUBJECT_LEASE_USES) - 1 });
  const erasures = new Erasures({ pool, subjectPool, store, subjects, journal, signer, bus, receiptName: config.receiptName, now });
  // Before the first request: nobody who was erased may be met with a key again.
  const replayed = await erasures.replay();
  const loops: Loop[] = [];
  const life = { ring, rows, holders, now: Date.now, rotated: ({ purpose }: { purpose: string }) => purpose === TENANT_KEY_PURPOSE && loops.forEach((loop) => loop.wake()) };
  const lease: LeasePolicy = { ttlMs: config.leaseMs, usesMax: config.leaseUses, subjectUsesMax: SUBJECT_LEASE_USES };
  const refusals = new Refusals(store, randomUUID);
  const receiver = new Receiver({
    bus, log, refusals,
    services: parts.services,
    privateKey: parts.privateKey,
    nonces: new Nonces(Date.now()),
    now: Date.now,
    metrics: serviceMetrics(parts),
    handlers: {
      ...dataKeyHandlers({ store, ring, rows, holders, lease, now: Date.now }),
      ...wrappedKeyHandlers({ store, ring, holders }),
      ...subjectKeyHandlers({ store, subjects, lease }),
      ...checkpointHandlers({ pool, store, signer, now, newId: randomUUID }),
      ...lifecycleHandlers(life),
      ...holdingHandlers({ store, ring, holders, now: Date.now }),
      ...erasures.handlers(),
      ...certificateHandlers({ store, signer, name: config.certificateName }),
      ...signingImportHandlers(ring, now),
      ...overviewHandlers({ store, rows, subjectPool, roller, now, log }),
    },
  });
  const app = createOperations({ metrics: parts.registry, readiness: () => readiness(parts) });
  await receiver.start();
  let isStopping = false;
  loops.push(...startLoops(parts, { roller, erasures, refusals, life, isStopping: () => isStopping }));
  const url = await app.listen({ host: config.httpHost, port: config.httpPort });
  log.info({ url, replayedErasures: replayed }, 'key service is ready');
  const shutdown = [
    { name: 'stop requests', run: () => receiver.stop() },
    { name: 'stop loops', run: () => { isStopping = true; return Promise.all([...loops.map((loop) => loop.stop()), roller.stop()]); } },
    { name: 'write counts', run: async () => { await refusals.flush(); await reportSignatures({ pool, store, newId: randomUUID }); } },
    { name: 'close http', run: () => app.close() },
    { name: 'close stores and bus', run: () => closeParts(parts) },
  ];
  return { url, log, shutdown };
}

interface LoopDependencies {
  readonly roller: Roller;
  readonly erasures: Erasures;
  readonly refusals: Refusals;
  readonly life: Parameters<typeof carryOutDue>[0];
  readonly isStopping: () => boolean;
}

/** What goes on without being asked. Each tells the log what failed, and tries again. */
function startLoops(parts: ServiceParts, { roller, erasures, refusals, life, isStopping }: LoopDependencies): Loop[] {
  const { config, log, pool, subjectPool, store, files, ring, root, holders } = parts;
  const failed = (what: string) => (error: unknown): void => log.warn({ err: error }, `${what} failed, it is tried again`);
  const rewrap = { pool, subjectPool, files, ring, root, now: Date.now, rowsPerSecondMax: config.rowsPerSecondMax, settleMs: config.retireSettleMs, isStopping };
  return [
    every(REFUSALS_FLUSH_MS, () => refusals.flush(), failed('counting refusals')),
    every(SIGNATURES_REPORT_MS, () => reportSignatures({ pool, store, newId: randomUUID }), failed('reporting signatures')),
    every(DUE_PAUSE_MS, () => carryOutDue(life, SELF), failed('rotating what is due')),
    every(Math.min(REWRAP_PAUSE_MS, Math.max(500, config.retireSettleMs)), async () => {
      const retired = await rewrapAll(rewrap);
      if (retired > 0) log.info({ retired }, 'versions of tenant keys retired at a count of zero');
    }, failed('rewrapping')),
    every(Math.min(RETIRE_PAUSE_MS, Math.max(500, config.dataKeysKeptMs)), async () => {
      const retired = await retireProven({ holders, ring, now: Date.now, keptMs: config.dataKeysKeptMs });
      if (retired > 0) log.info({ retired }, 'old versions of data keys retired: nothing is left under them');
    }, failed('retiring old versions')),
    every(ERASURES_PAUSE_MS, () => erasures.resume(), failed('finishing erasures')),
    every(Math.min(EPOCH_PAUSE_MS, config.epochMs), async () => {
      await roller.resume();
      if (Date.now() - (await readEpoch(subjectPool)).rolledAt.getTime() >= config.epochMs) log.info({ epoch: await roller.roll() }, 'epoch rolled');
    }, failed('rolling the epoch')),
  ];
}

async function readiness({ pool, subjectPool, bus, root }: ServiceParts): Promise<Readiness> {
  const check = (work: Promise<unknown>, bad: string): Promise<string> => work.then(() => 'ok', () => bad);
  const [database, subjects, rootKey] = await Promise.all([check(pool.query('SELECT 1'), 'unreachable'), check(subjectPool.query('SELECT 1'), 'unreachable'), check(root.describe(), 'unavailable')]);
  const isReady = database === 'ok' && subjects === 'ok' && rootKey === 'ok' && bus.connected;
  return { ready: isReady, checks: { database, subjects, rootKey, bus: bus.connected ? 'ok' : 'disconnected' } };
}
