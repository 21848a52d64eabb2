import { afterEach, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { Counter, Registry } from 'prom-client';
import { createOperations, type Readiness } from '../src/index.js';

let app: FastifyInstance | undefined;
const open = (readiness: () => Promise<Readiness>, metrics = new Registry()): FastifyInstance => (app = createOperations({ metrics, readiness }));
afterEach(() => app?.close());

describe('operations', () => {
  it('is healthy while the process answers, whatever it needs', async () => {
    const { statusCode, body } = await open(() => new Promise(() => undefined)).inject('/healthz');
    expect([statusCode, body]).toEqual([200, '{"status":"ok"}']);
  });

  it.each([
    [true, 200],
    [false, 503],
  ])('tells whether it is ready, and what was looked at: %s is %i, and kept by nobody', async (ready, status) => {
    const found = { ready, checks: { database: ready ? 'ok' : 'unreachable' } };
    const answer = await open(async () => found).inject('/readyz');
    expect([answer.statusCode, answer.headers['cache-control'], answer.json()]).toEqual([status, 'no-store', found]);
  });

  it('tells its metrics in the form of Prometheus', async () => {
    const metrics = new Registry();
    new Counter({ name: 'seen_total', help: 'Seen', registers: [metrics] }).inc(3);
    const answer = await open(async () => ({ ready: true, checks: {} }), metrics).inject('/metrics');
    expect([answer.headers['content-type'], answer.body.includes('seen_total 3')]).toEqual([metrics.contentType, true]);
  });

  it.each(['POST', 'DELETE'] as const)('has nothing to %s', async (method) => {
    expect((await open(async () => ({ ready: true, checks: {} })).inject({ method, url: '/healthz' })).statusCode).toBe(404);
  });
});
