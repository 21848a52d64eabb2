import type { Logger } from '@countersign/runtime';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/**
 * One line a request. Queries name actors, and addresses and agents are personal: neither is logged, only the path.
 * What went well is logged at `debug`; a reader that walks the tiles would fill the log otherwise. A line that nobody
 * writes costs nothing: two loggers a request, redacted each, made a third of the garbage of a proof.
 */
export function logRequests(fastify: FastifyInstance, log: Logger): void {
  fastify.addHook('onResponse', async (request, reply) => {
    const level = levelOf(reply.statusCode);
    if (!log.isLevelEnabled(level)) return;
    log[level]({ ...requestFields(request), status: reply.statusCode, responseTime: reply.elapsedTime }, 'request completed');
  });
  fastify.addHook('onRequestAbort', async (request) => log.debug(requestFields(request), 'request aborted'));
}

function levelOf(status: number): 'error' | 'warn' | 'debug' {
  if (status >= 500) return 'error';
  return status === 429 ? 'warn' : 'debug';
}

function requestFields({ id, method, originalUrl }: FastifyRequest): object {
  return { correlationId: id, method, path: originalUrl.split('?')[0] };
}
