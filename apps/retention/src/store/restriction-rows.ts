import type { RestrictionView } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { Restriction } from '@countersign/retention-rules';
import { RetentionFault } from '../domain/retention-fault.js';

interface RestrictionRow {
  readonly tenant: string;
  readonly subject: string;
  readonly request_id: string;
  readonly since: Date;
  readonly lifts_at: Date | null;
  readonly lift_reason: string | null;
}

const SQL = 'SELECT tenant, subject, request_id, since, lifts_at, lift_reason FROM restrictions';

/** Whose data is kept and not used. Those that are over are told to nobody. */
export class RestrictionRows {
  constructor(
    readonly pool: Pool,
    /** In whose name the installation's own subjects are known, in all organisations. */
    private readonly installation: string,
  ) {}

  async find(tenant: string, subject: string, now: Date): Promise<RestrictionView | undefined> {
    const { rows } = await this.pool.query<RestrictionRow>(`${SQL} WHERE tenant = $1 AND subject = $2 AND (lifts_at IS NULL OR lifts_at > $3)`, [tenant, subject, now]);
    return rows[0] && viewOf(rows[0]);
  }

  /** Of one that is over too. */
  async requestOf(tenant: string, subject: string): Promise<string | undefined> {
    return (await this.pool.query<{ request_id: string }>('SELECT request_id FROM restrictions WHERE tenant = $1 AND subject = $2', [tenant, subject])).rows[0]?.request_id;
  }

  /** In the order of their requests' ids. */
  async page(after: string, limit: number, now: Date): Promise<RestrictionView[]> {
    const { rows } = await this.pool.query<RestrictionRow>(`${SQL} WHERE request_id > $1 AND (lifts_at IS NULL OR lifts_at > $2) ORDER BY request_id LIMIT $3`, [after, now, limit]);
    return rows.map(viewOf);
  }

  /** Of the installation, by their ids, those after `after`. `liftsAt`: of those that are being lifted. */
  async subjects(after: string, limit: number, now: Date): Promise<{ subject: string; liftsAt?: string }[]> {
    const { rows } = await this.pool.query<Pick<RestrictionRow, 'subject' | 'lifts_at'>>(
      'SELECT subject, lifts_at FROM restrictions WHERE tenant = $1 AND subject > $2 COLLATE "C" AND (lifts_at IS NULL OR lifts_at > $3) ORDER BY subject COLLATE "C" LIMIT $4',
      [this.installation, after, now, limit],
    );
    return rows.map(({ subject, lifts_at }) => ({ subject, ...(lifts_at === null ? {} : { liftsAt: lifts_at.toISOString() }) }));
  }

  /** What the rules are about: those that were not over at a time. Of one subject, or of all. */
  async rules(notOverBefore: Date, subject?: string): Promise<Restriction[]> {
    const { rows } = await this.pool.query<RestrictionRow>(`${SQL} WHERE (lifts_at IS NULL OR lifts_at > $1) AND ($2::text IS NULL OR subject = $2)`, [notOverBefore, subject ?? null]);
    return rows.map(({ tenant, subject: name, request_id: id, since, lifts_at }) => ({
      id, subject: name,
      ...(tenant === this.installation ? {} : { organization: tenant }),
      sinceMs: since.getTime(),
      ...(lifts_at === null ? {} : { untilMs: lifts_at.getTime() }),
    }));
  }
}

const viewOf = ({ tenant, subject, request_id: requestId, since, lifts_at, lift_reason }: RestrictionRow): RestrictionView => ({
  tenant, subject, requestId,
  since: since.toISOString(),
  ...(lifts_at === null || lift_reason === null ? {} : { liftsAt: lifts_at.toISOString(), reason: lift_reason }),
});

/** One that stands goes on under its first request, and is not lifted any more; one that is over begins anew. */
export async function restrict(client: PoolClient, { tenant, subject, requestId }: { readonly tenant: string; readonly subject: string; readonly requestId: string }, now: Date): Promise<void> {
  await client.query(
    `INSERT INTO restrictions (tenant, subject, request_id, since) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, subject) DO UPDATE SET
       request_id = CASE WHEN restrictions.lifts_at <= excluded.since THEN excluded.request_id ELSE restrictions.request_id END,
       since = CASE WHEN restrictions.lifts_at <= excluded.since THEN excluded.since ELSE restrictions.since END,
       lifts_at = NULL, lift_reason = NULL`,
    [tenant, subject, requestId, now],
  );
}

/** Throws RESTRICTION_UNKNOWN when it does not stand, or is being lifted by then already. */
export async function lift(client: PoolClient, requestId: string, liftsAt: Date, reason: string): Promise<void> {
  const { rowCount } = await client.query('UPDATE restrictions SET lifts_at = $2, lift_reason = $3 WHERE request_id = $1 AND (lifts_at IS NULL OR lifts_at > $2)', [requestId, liftsAt, reason]);
  if (rowCount !== 1) throw restrictionUnknown();
}

export const restrictionUnknown = (): RetentionFault => new RetentionFault('RESTRICTION_UNKNOWN', 'nothing is restricted by this request', { field: 'requestId' });
