import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '@countersign/runtime';
import { retryAfterSeconds, type ProblemCode } from './fault-status.js';
import { problemOf } from './problem.js';

/** Answers every error as problem+json; what accuses this service or its data is logged. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: Pick<Logger, 'error'>) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const context = host.switchToHttp();
    const request = context.getRequest<FastifyRequest>();
    const reply = context.getResponse<FastifyReply>();
    const problem = problemOf(error, request.id);
    if (problem.status >= 500) this.log.error({ correlationId: request.id, code: problem.code, err: error }, 'request failed');
    // Half an answer cannot be turned into an error: it must break off where the reader sees that it did.
    if (reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const retryAfter = retryAfterSeconds(problem.code as ProblemCode);
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
    for (const name of ['content-encoding', 'content-disposition']) reply.removeHeader(name);
    reply.header('cache-control', 'no-store');
    reply.status(problem.status).type('application/problem+json').send(problem);
  }
}
