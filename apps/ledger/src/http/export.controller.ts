import { Readable } from 'node:stream';
import { tenantSchema } from '@countersign/contracts';
import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { exportLedger } from '../prove/export-ledger.js';
import { ReadFault } from '../store/read-fault.js';
import { HTTP_DEPS, requireLedger, type HttpDeps } from './deps.js';
import { valid } from './edge-fault.js';
import { Places } from './places.js';

const EXPORTS_AT_ONCE_MAX = 4;

/** The whole ledger in one file that verifies offline. */
@Controller('ledgers/:tenant/export')
export class ExportController {
  private readonly places = new Places(EXPORTS_AT_ONCE_MAX);

  constructor(@Inject(HTTP_DEPS) private readonly deps: HttpDeps) {}

  @Get()
  async export(@Param('tenant') tenant: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    const head = await this.deps.prover.head(ledger);
    reply.header('cache-control', 'no-store').header('content-disposition', `attachment; filename="${ledger.tenant}-${head.treeSize}.csx"`);
    reply.type('application/x-ndjson');
    // A HEAD would read the whole ledger to throw it away.
    if (request.method === 'HEAD') {
      reply.send();
      return;
    }
    if (!this.places.take()) throw new ReadFault('EXPORT_BUSY', 'other exports are running');
    // The stream reads on only as fast as the reader takes.
    const body = Readable.from(exportLedger(this.deps.store, ledger, head), { objectMode: false });
    body.once('close', () => this.places.leave());
    reply.send(body);
  }
}
