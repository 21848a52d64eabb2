import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { registerEventStoreMetrics } from '@countersign/event-store';
import { IdentityClient } from '@countersign/identity-client';
import { createOperations, type Readiness } from '@countersign/operations-http';
import { Gathering, requestMetrics, RequestReceiver } from '@countersign/request-reply';
import type { Logger, ShutdownStep } from '@countersign/runtime';
import type { RetentionConfig } from './config.js';
import { holdHandlers } from './holds/holds.js';
import { incidentHandlers } from './incidents/incidents.js';
import { openIncidents } from './incidents/open-incidents.js';
import type { Flows, RequestFlows } from './parts.js';
import { fileHandlers } from './files/file-handlers.js';
import { beginPolicies } from './policies/begin-policies.js';
import { policyHandlers } from './policies/policies.js';
import { Answers } from './request/answers.js';
import { Callers } from './request/callers.js';
import { Denials } from './request/denials.js';
import { DueWatch } from './requests/due.js';
import { erasureHandlers } from './requests/erasures.js';
import { openFileStore, openRequests } from './requests/open-requests.js';
import { replay } from './requests/replay.js';
import { requestHandlers } from './requests/requests.js';
import { RequestWorker } from './requests/worker.js';
import { closeParts, openParts, SOURCE, type ServiceParts } from './service-parts.js';
import { resourceHandlers } from './resources/resources.js';
import { HoldRows } from './store/hold-rows.js';
import { TypeRows } from './store/type-rows.js';
import { BusRegistration } from './types/bus-registration.js';
import { typeHandlers } from './types/types.js';
import { PolicyRows } from './store/policy-rows.js';
import { openSweep } from './sweep/open-sweep.js';

const ID_BYTES = 16;
/** Identity answers in milliseconds or is away. */
const IDENTITY_MS_MAX = 5_000;
/** Requests that are under way when the service ends. A holder that has not answered one by then may be away. */
const LAST_REQUESTS_MS_MAX = 3_000;

export interface RunningRetention {
  /** Where health and metrics are. */
  readonly url: string;
  readonly log: Logger;
  /** What a graceful shutdown does, in order. */
  readonly shutdown: readonly ShutdownStep[];
}

export interface RetentionOptions {
  /** For tests: the time of requests. */
  readonly now?: () => Date;
}

/** Wires retention's flows together and starts them. Rejects when something that it needs is missing. */
export async function startRetention(config: RetentionConfig, options: RetentionOptions = {}): Promise<RunningRetention> {
  const parts = await openParts(config);
  try {
    return await start(parts, options.now ?? (() => new Date()));
  } catch (error) {
    await closeParts(parts);
    throw error;
  }
}

async function start(parts: ServiceParts, now: () => Date): Promise<RunningRetention> {
  const { config, log, bus, registry, store } = parts;
  registerEventStoreMetrics(store, registry);
  const fileStore = openFileStore(config, parts.secrets.s3SecretAccessKey);
  const wakes = { wake: (): void => undefined };
  const stores = storesOf(parts, { ...openRequests(parts, fileStore, now, newId), worker: { wake: () => wakes.wake() } });
  const sweep = openSweep(parts, stores, now);
  const flows: Flows = { ...stores, recall: sweep.recall, dryRuns: sweep.dryRuns, fetched: sweep.fetched };
  const worker = new RequestWorker(flows, log);
  wakes.wake = () => worker.wake();
  const due = new DueWatch(flows, registry, log, config.lookPauseMs);
  const incidents = openIncidents(parts, flows);
  const gathering = new Gathering(log);
  const service = new Answers({
    callers: new Callers(new IdentityClient({ bus, timeoutMs: IDENTITY_MS_MAX }), now),
    denials: new Denials({ ...flows, gathering }),
    handlers: {
      ...policyHandlers(flows),
      ...holdHandlers(flows),
      ...typeHandlers(flows),
      ...resourceHandlers(flows),
      ...requestHandlers(flows),
      ...incidentHandlers(incidents.flows),
    },
    open: { ...fileHandlers(flows), ...erasureHandlers(flows) },
  });
  const receiver = new RequestReceiver({ bus, log, service, metrics: requestMetrics(SOURCE, registry) });
  const registration = new BusRegistration(flows, bus, log);
  const app = createOperations({ metrics: registry, readiness: () => readiness(parts) });
  // Before the first request: nobody who was erased may be met again because a database was put back.
  await replay(flows, log);
  await beginPolicies(flows);
  await receiver.start();
  await registration.start();
  worker.start();
  due.start();
  incidents.start();
  sweep.loop.start();
  const url = await app.listen({ host: config.httpHost, port: config.httpPort });
  log.info({ url }, 'retention is ready');
  const shutdown = [
    { name: 'wait for keys once', run: () => parts.keys.endSoon() },
    { name: 'stop requests', run: () => endRequests([receiver.stop(), registration.stop()], parts.holders) },
    { name: 'stop work', run: () => Promise.all([worker.stop(), due.stop(), incidents.stop(), sweep.loop.stop()]).then(() => undefined) },
    { name: 'write counts', run: () => gathering.stop() },
    { name: 'close http', run: () => app.close() },
    { name: 'close stores and bus', run: () => closeParts(parts).finally(() => fileStore.close()) },
  ];
  return { url, log, shutdown };
}

/** A request may wait for a holder, for minutes; this service may not: whoever asked is told, and asks again. */
async function endRequests(underWay: readonly Promise<void>[], holders: ServiceParts['holders']): Promise<void> {
  const ended = Promise.all(underWay);
  await Promise.race([ended, sleep(LAST_REQUESTS_MS_MAX, undefined, { ref: false })]);
  holders.stop();
  await ended;
}

function storesOf({ config, pool, store }: ServiceParts, requests: RequestFlows): Omit<Flows, 'recall' | 'dryRuns' | 'fetched'> {
  return {
    ...requests,
    tenant: config.tenant,
    store, pool,
    policies: new PolicyRows(pool),
    holds: new HoldRows(pool),
    types: new TypeRows(pool),
    announceMs: config.announceMs,
    newId,
  };
}

const newId = (): string => randomBytes(ID_BYTES).toString('base64url');

async function readiness({ pool, bus }: ServiceParts): Promise<Readiness> {
  const database = await pool.query('SELECT 1').then(() => 'ok', () => 'unreachable');
  return { ready: database === 'ok' && bus.connected, checks: { database, bus: bus.connected ? 'ok' : 'disconnected' } };
}
