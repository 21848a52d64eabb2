import { X509Certificate } from 'node:crypto';
import { connectBus } from '@countersign/bus';
import { IdentityClient, SessionCache } from '@countersign/identity-client';
import { createOperations } from '@countersign/operations-http';
import { RetentionClient } from '@countersign/retention-client';
import { createLogger, createRegistry, registerBusMetrics, type Logger, type ShutdownStep } from '@countersign/runtime';
import { Gauge, Histogram } from 'prom-client';
import type { EdgeConfig } from './config.js';
import { createApp } from './http/create-app.js';
import { Idempotency, MemoryIdempotency, type IdempotencyStore } from './http/idempotency.js';
import { isCommandDone, isOutcomeOpen } from './http/problem.js';
import { RateLimits, scaledLimits } from './http/rate-limits.js';
import { connectRedis, RedisIdempotency, redisLimiter } from './http/redis-stores.js';
import { HttpIntake } from './ingest/http-intake.js';
import { registerDocs } from './openapi/register-docs.js';
import { registerLinkPages } from './pages/link-pages.js';
import { registerSecurityText } from './pages/security-text.js';
import { ROUTES } from './routes/index.js';
import { LedgerClient } from './upstream/ledger-client.js';

const SERVICE = 'edge';
const VERSION = '0.1.0';
/** Of those who wait for a receipt when this ends: before their connections are cut (create-app). */
const ANSWER_MS = 2_000;

export interface RunningEdge {
  /** Where it listens for everybody. */
  readonly url: string;
  readonly operationsUrl: string;
  readonly log: Logger;
  /** What a graceful shutdown does, in order. */
  readonly shutdown: readonly ShutdownStep[];
}

export interface EdgeOptions {
  /** For tests that ask more than anybody may. */
  readonly limits?: RateLimits;
  /** For tests of what edges share. */
  readonly idempotency?: IdempotencyStore;
}

/** Wires the edge together and starts it. Rejects when something that it needs is missing. */
export async function startEdge(config: EdgeConfig, options: EdgeOptions = {}): Promise<RunningEdge> {
  const log = createLogger({ service: SERVICE, level: config.logLevel });
  const registry = createRegistry({ service: SERVICE });
  const metrics = edgeMetrics(registry);
  measureCertificate(registry, config.tls.cert);
  const bus = await connectBus({ url: config.natsUrl, tlsDir: config.natsTlsDir, nkeySeed: config.natsSeed, name: SERVICE, onStatus: (status) => log.info({ status }, 'bus') });
  registerBusMetrics(registry, bus);
  const identity = new IdentityClient({ bus });
  const retention = new RetentionClient({ bus });
  const ledger = new LedgerClient(config.ledgerUrl);
  const intake = new HttpIntake({ bus, log, receiptMs: config.receiptMs });
  const sessions = new SessionCache({ client: identity, bus, onError: (error) => log.warn({ err: error }, 'the lease with identity, or a revocation') });
  const stores = openStores(config, registry, log);
  const app = await createApp({
    routes: ROUTES,
    upstreams: { identity, retention, ledger, intake },
    sessions,
    limits: options.limits ?? stores.limits,
    idempotency: new Idempotency({ store: options.idempotency ?? stores.idempotency, isOpen: isOutcomeOpen, isDone: isCommandDone, log }),
    publicOrigin: config.publicOrigin,
    tls: config.tls,
    trustedProxies: config.trustedProxies,
    now: Date.now,
    log,
    duration: metrics.duration,
  });
  registerLinkPages(app);
  registerSecurityText(app, { contacts: config.securityContacts, publicOrigin: config.publicOrigin, now: Date.now });
  registerDocs(app, ROUTES, { publicOrigin: config.publicOrigin, version: VERSION });
  const operations = createOperations({
    metrics: registry,
    readiness: async () => ({ ready: bus.connected, checks: { bus: bus.connected ? 'ok' : 'disconnected', lease: sessions.isTrusted() ? 'ok' : 'none: every session is checked' } }),
  });
  sessions.start();
  intake.start();
  new Gauge({ name: 'countersign_edge_lease_held', help: '1 while cached sessions may be believed', registers: [registry], collect() { this.set(sessions.isTrusted() ? 1 : 0); } });
  const operationsUrl = await operations.listen({ host: config.operationsHost, port: config.operationsPort });
  const url = await app.listen({ host: config.host, port: config.port });
  log.info({ url, operationsUrl }, 'edge is ready');
  const shutdown = [
    { name: 'answer who waits', run: () => intake.endWithin(ANSWER_MS) },
    { name: 'stop listening', run: () => app.close() },
    { name: 'stop intake', run: async () => intake.stop() },
    { name: 'release lease', run: () => sessions.close() },
    { name: 'close Redis', run: async () => stores.close() },
    { name: 'close bus', run: () => bus.close() },
    { name: 'close operations', run: () => operations.close() },
  ];
  return { url, operationsUrl, log, shutdown };
}

/** In Redis when there is one, for all edges; else in memory. */
function openStores({ redisUrl, limitsFactor }: EdgeConfig, registry: ReturnType<typeof createRegistry>, log: Logger) {
  const limits = scaledLimits(limitsFactor);
  if (redisUrl === undefined) return { limits: new RateLimits(undefined, limits), idempotency: new MemoryIdempotency(), close: () => undefined };
  const answers = new Gauge({ name: 'countersign_edge_redis_answers', help: '1 while Redis answers; absent without one', registers: [registry] });
  let isAway = false;
  const redis = connectRedis(redisUrl, (error) => {
    if (!isAway) log.warn({ err: error }, 'Redis does not answer: limits are counted by this edge alone, and requests with an Idempotency-Key are refused');
    isAway = true;
    answers.set(0);
  });
  redis.on('ready', () => {
    if (isAway) log.info({}, 'Redis answers again');
    isAway = false;
    answers.set(1);
  });
  return { limits: new RateLimits(redisLimiter(redis), limits), idempotency: new RedisIdempotency(redis), close: () => redis.disconnect() };
}

function edgeMetrics(registry: ReturnType<typeof createRegistry>) {
  return {
    duration: new Histogram({
      name: 'countersign_edge_request_duration_seconds',
      help: 'Time from a request to its answer, by the pattern of its route',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    }),
  };
}

/** Browsers turn away the moment it is over: whoever renews it must restart the edge. */
function measureCertificate(registry: ReturnType<typeof createRegistry>, cert: string | Buffer): void {
  const gauge = new Gauge({ name: 'countersign_edge_certificate_end_timestamp_seconds', help: 'When the certificate that browsers are shown ends', registers: [registry] });
  gauge.set(new X509Certificate(cert).validToDate.getTime() / 1_000);
}
