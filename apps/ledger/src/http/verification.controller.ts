import { tenantSchema, verdictsQuerySchema, verifyRangeSchema, type Verdict } from '@countersign/contracts';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ReadFault } from '../store/read-fault.js';
import { HTTP_DEPS, requireLedger, type HttpDeps } from './deps.js';
import { valid } from './edge-fault.js';
import { Places } from './places.js';

/** A verification reads the whole range that is asked for: two at once leave room for the ledger's own. */
const VERIFICATIONS_AT_ONCE_MAX = 2;

/** What verification found, and verification on demand. */
@Controller('ledgers/:tenant')
export class VerificationController {
  private readonly places = new Places(VERIFICATIONS_AT_ONCE_MAX);

  constructor(@Inject(HTTP_DEPS) private readonly deps: HttpDeps) {}

  @Get('verdicts')
  async verdicts(@Param('tenant') tenant: string, @Query() query: unknown): Promise<{ verdicts: readonly Verdict[] }> {
    const { limit } = valid(verdictsQuerySchema, query);
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    return { verdicts: await this.deps.verification.history(ledger.tenant, limit) };
  }

  @Post('verifications')
  @HttpCode(200)
  async verify(@Param('tenant') tenant: string, @Body() body: unknown): Promise<Verdict> {
    const range = valid(verifyRangeSchema, body ?? {});
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    const { treeSize } = await this.deps.store.sizes(ledger);
    if ((range.toIndex ?? 0) > treeSize || (range.fromIndex ?? 0) > treeSize) {
      throw new ReadFault('RANGE_BEYOND_LEDGER', `the ledger has ${treeSize} entries`, 'toIndex');
    }
    if (!this.places.take()) throw new ReadFault('VERIFICATION_BUSY', 'other verifications are running');
    try {
      return await this.deps.verification.verifyRange(ledger.tenant, range);
    } catch (error) {
      throw error instanceof RangeError ? new ReadFault('RANGE_BEYOND_LEDGER', error.message, 'toIndex') : error;
    } finally {
      this.places.leave();
    }
  }
}
