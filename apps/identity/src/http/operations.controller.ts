import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { HTTP_DEPS, type HttpDeps } from './deps.js';

/** For whoever runs the service. Everything else is asked over the bus. */
@Controller()
export class OperationsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: HttpDeps) {}

  /** The process answers: nothing else is asked, so that a slow database does not get it killed. */
  @Get('healthz')
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('readyz')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const readiness = await this.deps.readiness();
    reply.status(readiness.ready ? 200 : 503).header('cache-control', 'no-store').send(readiness);
  }

  @Get('metrics')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    const text = await this.deps.metrics.metrics();
    reply.header('content-type', this.deps.metrics.contentType).send(text);
  }
}
