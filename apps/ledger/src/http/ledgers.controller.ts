import { formatVkey } from '@countersign/chain';
import { leafIndexSchema, ledgersQuerySchema, tenantSchema, type LedgerSummary, type LedgerView, type RecordedEvent } from '@countersign/contracts';
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { recordedEvents } from '../search/recorded-event.js';
import { ReadFault } from '../store/read-fault.js';
import { HTTP_DEPS, requireLedger, type HttpDeps } from './deps.js';
import { valid } from './edge-fault.js';

/** Which ledgers there are and how they stand. */
@Controller('ledgers')
export class LedgersController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: HttpDeps) {}

  @Get()
  async list(@Query() query: unknown): Promise<{ ledgers: LedgerSummary[]; next?: string }> {
    const { after = '', limit } = valid(ledgersQuerySchema, query);
    const rows = await this.deps.store.ledgers(after, limit);
    const ledgers = rows.map(({ ledgerId: _, ...summary }) => summary);
    return rows.length < limit ? { ledgers } : { ledgers, next: rows.at(-1)!.tenant };
  }

  @Get(':tenant')
  async one(@Param('tenant') tenant: string): Promise<LedgerView> {
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    const [sizes, vkeys, head, verdict] = await Promise.all([
      this.deps.store.sizes(ledger),
      this.deps.signer.vkeys(ledger.origin),
      this.deps.prover.latestHead(ledger),
      this.deps.verification.latest(ledger.tenant),
    ]);
    return {
      tenant: ledger.tenant,
      origin: ledger.origin,
      vkeys: vkeys.map(({ name, type, publicKey }) => formatVkey(name, type, publicKey)),
      treeSize: sizes.treeSize,
      checkpoint: head && { treeSize: head.treeSize, root: head.root.toString('base64'), note: head.note },
      indexedSize: sizes.indexedSize,
      verdict,
    };
  }

  @Get(':tenant/entries/:index')
  async entry(@Param('tenant') tenant: string, @Param('index') index: string): Promise<RecordedEvent> {
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    const leafIndex = valid(leafIndexSchema, index, 'index');
    const [record] = await this.deps.store.entries(ledger, leafIndex, leafIndex + 1);
    if (record === undefined) throw new ReadFault('ENTRY_UNKNOWN', 'no entry of this index is on record', 'index');
    return (await recordedEvents(ledger, [record], this.deps.opener))[0]!;
  }
}
