import type { Verdict } from '@countersign/contracts';
import type pg from 'pg';
import { v7 } from 'uuid';
import type { Ledger } from '../append/head.js';

/** A verdict that has to be recorded in the system ledger, under its own id. */
export interface VerdictToLedger {
  readonly eventId: string;
  readonly verdict: Verdict;
}

/** Results of verification, as the role `ledger_runtime`. */
export class VerdictStore {
  constructor(private readonly pool: pg.Pool) {}

  /** Durable on return. */
  async add(ledger: Ledger, verdict: Verdict, toLedger: boolean): Promise<void> {
    await this.pool.query(
      'INSERT INTO verifications (verification_id, ledger_id, kind, verdict, finished_at, result, to_ledger) VALUES ($1, $2, $3, $4, $5, $6, $7)',
      [v7(), ledger.ledgerId, verdict.kind, verdict.verdict, verdict.finishedAt, verdict, toLedger],
    );
  }

  /** Those of the last week that the system ledger does not hold yet, oldest first. */
  async unrecorded(system: Ledger, limit: number): Promise<readonly VerdictToLedger[]> {
    const { rows } = await this.pool.query<{ verification_id: string; result: Verdict }>(
      `SELECT verification_id, result FROM verifications v
        WHERE to_ledger AND finished_at > now() - interval '7 days'
          AND NOT EXISTS (SELECT FROM entries e WHERE e.ledger_id = $1 AND e.event_id = v.verification_id)
        ORDER BY finished_at LIMIT $2`,
      [system.ledgerId, limit],
    );
    return rows.map((row) => ({ eventId: row.verification_id, verdict: row.result }));
  }
}
