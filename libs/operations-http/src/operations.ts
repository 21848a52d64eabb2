import Fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';

const BODY_BYTES_MAX = 1_024;
const HEADER_BYTES_MAX = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;

export interface Readiness {
  readonly ready: boolean;
  /** What was looked at, and how it is: `ok` or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

/** What whoever runs a service is told about it. */
export interface Operations {
  readonly metrics: Registry;
  readonly readiness: () => Promise<Readiness>;
}

/** Adds `GET /healthz`, `/readyz` (503 unless ready) and `/metrics` (Prometheus text) to a server. */
export function registerOperations(app: FastifyInstance, { metrics, readiness }: Operations): void {
  // The process answers: nothing else is asked, so that a slow database does not get it killed.
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const found = await readiness();
    return reply.status(found.ready ? 200 : 503).header('cache-control', 'no-store').send(found);
  });
  app.get('/metrics', async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.metrics()));
}

/** A listener of its own with these three routes, ready to `listen`; nothing public reaches it. Close it with `close()`. */
export function createOperations(operations: Operations): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: BODY_BYTES_MAX, requestTimeout: REQUEST_TIMEOUT_MS, http: { maxHeaderSize: HEADER_BYTES_MAX } });
  registerOperations(app, operations);
  return app;
}
