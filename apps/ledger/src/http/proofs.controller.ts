import type { Receipt } from '@countersign/chain';
import { consistencyQuerySchema, eventIdSchema, tenantSchema, type Consistency } from '@countersign/contracts';
import { Controller, Get, Header, Inject, Param, Query } from '@nestjs/common';
import { HTTP_DEPS, requireLedger, type HttpDeps } from './deps.js';
import { valid } from './edge-fault.js';

/** Evidence that somebody else can check. */
@Controller('ledgers/:tenant')
export class ProofsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: HttpDeps) {}

  @Get('receipts/:eventId')
  async receipt(@Param('tenant') tenant: string, @Param('eventId') eventId: string): Promise<Receipt> {
    const id = valid(eventIdSchema, eventId, 'eventId');
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    return this.deps.prover.receipt(ledger, id);
  }

  @Get('proofs/:eventId')
  @Header('content-type', 'text/plain; charset=utf-8')
  @Header('access-control-allow-origin', '*')
  async proof(@Param('tenant') tenant: string, @Param('eventId') eventId: string): Promise<string> {
    const id = valid(eventIdSchema, eventId, 'eventId');
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    return this.deps.prover.tlogProof(ledger, id);
  }

  @Get('consistency')
  @Header('access-control-allow-origin', '*')
  async consistency(@Param('tenant') tenant: string, @Query() query: unknown): Promise<Consistency> {
    const { from, to } = valid(consistencyQuerySchema, query);
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    return this.deps.prover.consistency(ledger, from, to);
  }
}
