import type { LedgerFixture } from '../fixture/ledger-fixture.js';
import { SEALER } from './append-stand.js';

export const parkedCountOf = async (fixture: LedgerFixture, tenant: string): Promise<number> => {
  const { rows } = await fixture.admin.query<{ count: number }>('SELECT count(*)::int FROM parked_messages JOIN ledgers USING (ledger_id) WHERE tenant = $1', [tenant]);
  return rows[0]!.count;
};
export interface Quarantined {
  readonly subject: string;
  readonly tenant: string;
  readonly event_id: string | null;
  readonly code: string;
  readonly field: string | null;
  readonly body: Buffer;
}
/** Refusals whose column has the value, opened. */
export const quarantinedIn = async (fixture: LedgerFixture, where: string, value: string): Promise<Quarantined[]> => {
  const { rows } = await fixture.admin.query<Omit<Quarantined, 'body'> & { digest: Buffer; chunks: string[]; isMasked: boolean }>(
    `SELECT subject, tenant, event_id, code, field, body_digest AS digest, sealed_body AS chunks, is_masked AS "isMasked" FROM quarantine WHERE ${where} = $1 ORDER BY quarantine_id`,
    [value],
  );
  return Promise.all(
    rows.map(async ({ digest, chunks, isMasked, ...row }) => ({ ...row, body: await SEALER.open('quarantine', row.code === 'SUBJECT_INVALID' ? 'system' : row.tenant, { digest, chunks, isMasked }) })),
  );
};
