import { refusedQuerySchema, searchQuerySchema, tenantSchema, type ProducerReport, type RefusedEvent, type SearchPage } from '@countersign/contracts';
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { HTTP_DEPS, requireLedger, type HttpDeps } from './deps.js';
import { valid } from './edge-fault.js';

/** What happened, what was refused, and what never came. */
@Controller('ledgers/:tenant')
export class EventsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: HttpDeps) {}

  @Get('events')
  async search(@Param('tenant') tenant: string, @Query() query: unknown): Promise<SearchPage> {
    const asked = valid(searchQuerySchema, query);
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    return this.deps.searcher.search(ledger, asked);
  }

  @Get('producers')
  async producers(@Param('tenant') tenant: string): Promise<{ checkedAt: string | undefined; producers: ProducerReport[] }> {
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    return this.deps.producers.report(ledger);
  }

  @Get('refused')
  async refused(@Param('tenant') tenant: string, @Query() query: unknown): Promise<{ refused: RefusedEvent[]; next?: number }> {
    const { before = Number.MAX_SAFE_INTEGER, limit } = valid(refusedQuerySchema, query);
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    const refused = await this.deps.store.refused(ledger.tenant, before, limit);
    return refused.length < limit ? { refused } : { refused, next: refused.at(-1)!.refusalId };
  }
}
