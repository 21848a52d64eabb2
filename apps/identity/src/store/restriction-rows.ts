import type { RetentionResult } from '@countersign/contracts';
import type { Pool } from '@countersign/postgres';

export type Restricted = RetentionResult<'restricted-list'>['restricted'][number];

/** Whether the person behind a column, which is trusted text, has demanded that what is about him be kept and not used. */
export const restrictedSql = (userId: string): string => `EXISTS (SELECT FROM restrictions_known k WHERE k.user_id = ${userId} AND (k.lifts_at IS NULL OR k.lifts_at > now()))`;

/** Whose data is restricted, as retention has told it last. */
export class RestrictionRows {
  constructor(readonly pool: Pool) {}

  /** By the database's clock, which all instances share; to the microsecond. */
  async begin(): Promise<string> {
    return (await this.pool.query<{ now: string }>('SELECT clock_timestamp()::text AS now')).rows[0]!.now;
  }

  async note(begun: string, restricted: readonly Restricted[]): Promise<void> {
    await this.pool.query(
      `INSERT INTO restrictions_known (user_id, lifts_at, seen_at) SELECT r.user_id, r.lifts_at, $1 FROM unnest($2::text[], $3::timestamptz[]) AS r(user_id, lifts_at)
       ON CONFLICT (user_id) DO UPDATE SET lifts_at = excluded.lifts_at, seen_at = excluded.seen_at WHERE restrictions_known.seen_at < excluded.seen_at`,
      [begun, restricted.map(({ subject }) => subject), restricted.map(({ liftsAt }) => liftsAt ?? null)],
    );
  }

  /** Those that a whole look has not found any more. */
  async forget(begun: string): Promise<void> {
    await this.pool.query('DELETE FROM restrictions_known WHERE seen_at < $1', [begun]);
  }
}
