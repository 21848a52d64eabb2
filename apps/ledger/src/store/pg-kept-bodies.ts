import type pg from 'pg';
import type { KeptFor, SealedBody } from '../append/body-sealer.js';
import type { ClearBody, ClearBodyStore } from '../append/clear-bodies.js';

const UNIQUE_VIOLATION = '23505';
/** Of a message that belongs to no ledger: the subject tells no tenant. */
const NO_TENANT = `CASE WHEN code = 'SUBJECT_INVALID' THEN 'system' ELSE tenant END`;

const CLEAR: Readonly<Record<KeptFor, string>> = {
  quarantine: `SELECT quarantine_id AS row_id, ${NO_TENANT} AS tenant, body FROM quarantine WHERE body IS NOT NULL ORDER BY quarantine_id LIMIT $1`,
  parked: 'SELECT parked_id AS row_id, tenant, body FROM parked_messages JOIN ledgers USING (ledger_id) WHERE body IS NOT NULL ORDER BY parked_id LIMIT $1',
};
const REPLACE: Readonly<Record<KeptFor, string>> = {
  quarantine: 'UPDATE quarantine SET body = NULL, body_digest = $2, sealed_body = $3 WHERE quarantine_id = $1 AND body IS NOT NULL',
  parked: 'UPDATE parked_messages SET body = NULL, body_digest = $2, sealed_body = $3 WHERE parked_id = $1 AND body IS NOT NULL',
};

/** A refusal with its body, as it is stored. */
export interface KeptRefusal {
  readonly tenant: string;
  readonly code: string;
  readonly eventId: string | null;
  readonly body: SealedBody | { readonly clear: Buffer };
}

/** Bodies of refused and parked messages. */
export class PgKeptBodies implements ClearBodyStore {
  constructor(private readonly pool: pg.Pool) {}

  async clear(keptFor: KeptFor, limit: number): Promise<readonly ClearBody[]> {
    const { rows } = await this.pool.query<{ row_id: string; tenant: string; body: Buffer }>(CLEAR[keptFor], [limit]);
    return rows.map(({ row_id, tenant, body }) => ({ rowId: Number(row_id), tenant, body }));
  }

  async replaceClear(keptFor: KeptFor, rowId: number, { digest, chunks }: SealedBody): Promise<boolean> {
    try {
      await this.pool.query(REPLACE[keptFor], [rowId, digest, chunks]);
      return true;
    } catch (error) {
      if ((error as { code?: string }).code === UNIQUE_VIOLATION) return false;
      throw error;
    }
  }

  /** One refusal by its id, for whoever may open it. */
  async refusal(refusalId: number): Promise<KeptRefusal | undefined> {
    const { rows } = await this.pool.query<{ tenant: string; code: string; event_id: string | null; body: Buffer | null; body_digest: Buffer; sealed_body: string[] | null; is_masked: boolean }>(
      `SELECT ${NO_TENANT} AS tenant, code, event_id, body, body_digest, sealed_body, is_masked FROM quarantine WHERE quarantine_id = $1`,
      [refusalId],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const body = row.body === null ? { digest: row.body_digest, chunks: row.sealed_body ?? [], isMasked: row.is_masked } : { clear: row.body };
    return { tenant: row.tenant, code: row.code, eventId: row.event_id, body };
  }
}
