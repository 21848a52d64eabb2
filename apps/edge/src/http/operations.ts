import Fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';

export interface Readiness {
  readonly ready: boolean;
  /** What was looked at, and how it is: `ok` or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

/** For whoever runs the service: a listener of its own, which nothing public reaches. */
export function createOperations(metrics: Registry, readiness: () => Promise<Readiness>): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: 1_024 });
  // The process answers: nothing else is asked, so that a slow service behind does not get it killed.
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const found = await readiness();
    return reply.status(found.ready ? 200 : 503).header('cache-control', 'no-store').send(found);
  });
  app.get('/metrics', async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.metrics()));
  return app;
}
