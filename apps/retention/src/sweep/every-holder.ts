import type { HolderArgsInput, HolderOperation, HolderResult } from '@countersign/contracts';
import type { HolderClient } from '@countersign/holder';
import type { ReportedRows } from '../store/reported-rows.js';
import { isReported } from '../types/holder-names.js';

/** Asks holders on the bus, and retention itself for what was reported to it. */
export class EveryHolder implements Pick<HolderClient, 'ask'> {
  constructor(
    private readonly bus: Pick<HolderClient, 'ask'>,
    private readonly reported: ReportedRows,
  ) {}

  async ask<O extends HolderOperation>(holder: string, operation: O, args: HolderArgsInput<O>, timeoutMs?: number): Promise<HolderResult<O>> {
    if (operation !== 'held-list' || !isReported(holder)) return this.bus.ask(holder, operation, args, timeoutMs);
    const { type, after, limit } = args as HolderArgsInput<'held-list'>;
    return (await this.reported.list(type, after, limit)) as HolderResult<O>;
  }
}
