import { erasureStatementSchema, type ErasureStatement, type Kept, type PrivacyLaw, type SubjectRequestKind, type SubjectRequestState, type SubjectRequestView } from '@countersign/contracts';
import type { RecordedEvent } from '@countersign/event-store';
import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import { removeRemainder, storeRemainder, type Remainder } from './remainder-rows.js';

const UNIQUE_VIOLATION = '23505';
/** Whoever works on a request, and does not say that he still does, has it for so long; then another instance takes it up. */
const CLAIM_MS = 30_000;
/** So often he says it. */
export const RENEW_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 15 * 60_000;
/** What a hold has stopped is looked at again after so long. */
const HELD_MS = 3_600_000;

export interface RequestRow {
  readonly request_id: string;
  readonly tenant: string;
  readonly subject: string;
  readonly kind: SubjectRequestKind;
  readonly law: PrivacyLaw;
  readonly state: SubjectRequestState;
  readonly received_at: Date;
  readonly due_at: Date;
  readonly is_extended: boolean;
  readonly closed_at: Date | null;
  readonly reason: string | null;
  readonly kept: readonly Kept[] | null;
  readonly certificate: string | null;
  readonly vkey: string | null;
  /** The first of those by which its subject is erased. */
  readonly continues: string | null;
  readonly alerts: number;
  readonly tries: number;
  readonly file_bytes: string | null;
  readonly file_digest: string | null;
  readonly file_until: Date | null;
}

const SQL = `SELECT r.request_id, r.tenant, r.subject, r.kind, r.law, r.state, r.received_at, r.due_at, r.is_extended, r.closed_at, r.reason, r.kept, r.certificate, r.vkey, r.continues, r.alerts, r.tries,
  f.bytes AS file_bytes, f.digest AS file_digest, f.until AS file_until FROM subject_requests r LEFT JOIN files f ON f.request_id = r.request_id`;
/** Of one person, most. */
const OWN_MAX = 200;

/** Requests as they are now. */
export class RequestRows {
  constructor(readonly pool: Pool) {}

  async find(requestId: string): Promise<RequestRow | undefined> {
    return (await this.pool.query<RequestRow>(`${SQL} WHERE r.request_id = $1`, [requestId])).rows[0];
  }

  async open(tenant: string, subject: string, kind: SubjectRequestKind): Promise<RequestRow | undefined> {
    return (await this.pool.query<RequestRow>(`${SQL} WHERE r.tenant = $1 AND r.subject = $2 AND r.kind = $3 AND r.closed_at IS NULL`, [tenant, subject, kind])).rows[0];
  }

  async of(tenant: string, subject: string): Promise<RequestRow[]> {
    return (await this.pool.query<RequestRow>(`${SQL} WHERE r.tenant = $1 AND r.subject = $2 ORDER BY r.received_at DESC LIMIT $3`, [tenant, subject, OWN_MAX])).rows;
  }

  async openOfPerson(tenant: string, subject: string): Promise<RequestRow[]> {
    return (await this.pool.query<RequestRow>(`${SQL} WHERE r.tenant = $1 AND r.subject = $2 AND r.closed_at IS NULL`, [tenant, subject])).rows;
  }

  async page(isOpen: boolean, after: string, limit: number): Promise<RequestRow[]> {
    return (await this.pool.query<RequestRow>(`${SQL} WHERE (r.closed_at IS NULL) = $1 AND r.request_id > $2 ORDER BY r.request_id LIMIT $3`, [isOpen, after, limit])).rows;
  }

  /** Those that a restriction has stopped some time ago. */
  async held(limit: number): Promise<RequestRow[]> {
    return (await this.pool.query<RequestRow>(`${SQL} WHERE r.state = 'held' AND r.next_at <= now() AND NOT EXISTS (SELECT FROM erasure_remainders e WHERE e.request_id = r.request_id) ORDER BY r.received_at LIMIT $1`, [limit])).rows;
  }

  /** Takes one that is to be worked on, so that nobody else does meanwhile. */
  async take(): Promise<RequestRow | undefined> {
    const { rows } = await this.pool.query<{ request_id: string }>(
      `UPDATE subject_requests SET next_at = now() + $1 * interval '1 millisecond', tries = tries + 1 WHERE request_id =
       (SELECT request_id FROM subject_requests WHERE state = 'working' AND next_at <= now() ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING request_id`,
      [CLAIM_MS],
    );
    return rows[0] === undefined ? undefined : this.find(rows[0].request_id);
  }

  /** It is still worked on. */
  async renew(requestId: string): Promise<void> {
    await this.pool.query(`UPDATE subject_requests SET next_at = now() + $2 * interval '1 millisecond' WHERE request_id = $1 AND state = 'working'`, [requestId, CLAIM_MS]);
  }

  /** Later, at growing distances. */
  async postpone({ request_id, tries }: Pick<RequestRow, 'request_id' | 'tries'>): Promise<void> {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries - 1, 20), PAUSE_MS_MAX);
    await this.pool.query(`UPDATE subject_requests SET next_at = now() + $2 * interval '1 millisecond' WHERE request_id = $1`, [request_id, pauseMs]);
  }

  /** What was done by it, when all of it was. */
  async statement(requestId: string): Promise<ErasureStatement | undefined> {
    const { rows } = await this.pool.query<{ statement: string | null }>('SELECT statement FROM subject_requests WHERE request_id = $1', [requestId]);
    const text = rows[0]?.statement ?? null;
    return text === null ? undefined : erasureStatementSchema.parse(JSON.parse(text));
  }

  /** Once: whoever comes second is told what the first one has said. */
  async writeDown(requestId: string, statement: ErasureStatement, remainder: Remainder | undefined): Promise<ErasureStatement> {
    const isFirst = await withTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query('UPDATE subject_requests SET statement = $2 WHERE request_id = $1 AND statement IS NULL', [requestId, JSON.stringify(statement)]);
      if (rowCount === 0) return false;
      await (remainder === undefined ? removeRemainder(client, requestId) : storeRemainder(client, requestId, remainder));
      return true;
    });
    return isFirst ? statement : (await this.statement(requestId))!;
  }

  /** The latest certificate of an erasure that holds have made several of. */
  async certificateOf(requestId: string): Promise<{ readonly certificate: string; readonly vkey: string } | undefined> {
    const { rows } = await this.pool.query<{ certificate: string; vkey: string }>(
      'SELECT certificate, vkey FROM subject_requests WHERE (request_id = $1 OR continues = $1) AND certificate IS NOT NULL AND vkey IS NOT NULL ORDER BY closed_at DESC LIMIT 1',
      [requestId],
    );
    return rows[0];
  }

  /** Those of these that are not answered yet. */
  async openOf(requestIds: readonly string[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.pool.query<{ request_id: string }>('SELECT request_id FROM subject_requests WHERE request_id = ANY($1) AND closed_at IS NULL', [requestIds]);
    return new Set(rows.map(({ request_id }) => request_id));
  }

  /** Open ones by how soon they are due. */
  async dueFirst(limit: number): Promise<RequestRow[]> {
    return (await this.pool.query<RequestRow>(`${SQL} WHERE r.closed_at IS NULL AND r.state <> 'ready' ORDER BY r.due_at LIMIT $1`, [limit])).rows;
  }
}

/** What is told of a request. */
export function viewOf(row: RequestRow, now: Date): SubjectRequestView {
  const { file_bytes, file_digest, file_until } = row;
  return {
    requestId: row.request_id, kind: row.kind, law: row.law, state: row.state, tenant: row.tenant, subject: row.subject,
    receivedAt: row.received_at.toISOString(), dueAt: row.due_at.toISOString(), isExtended: row.is_extended,
    isOverdue: row.closed_at === null && row.state !== 'ready' && now >= row.due_at,
    ...(row.closed_at === null ? {} : { closedAt: row.closed_at.toISOString() }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(file_bytes === null || file_digest === null || file_until === null ? {} : { file: { bytes: Number(file_bytes), digest: file_digest, until: file_until.toISOString() } }),
    ...(row.kept === null ? {} : { kept: [...row.kept] }),
  };
}

/** What events say about a request, in the transaction that stores them. Throws RequestOpen when the same is open already. */
export async function applyRequestEvents(client: PoolClient, requestId: string, tenant: string, events: readonly RecordedEvent[]): Promise<void> {
  for (const { type, data, time } of events) {
    const what = type.slice('retention.subject-request.'.length);
    if (what === 'opened') await insertRequest(client, requestId, tenant, data as Readonly<Record<string, string | boolean>>);
    if (what === 'verified' || what === 'resumed') await client.query(`UPDATE subject_requests SET state = 'working', reason = NULL, next_at = now() WHERE request_id = $1`, [requestId]);
    if (what === 'extended') await client.query('UPDATE subject_requests SET is_extended = true, due_at = $2, alerts = 0 WHERE request_id = $1', [requestId, data?.['dueAt']]);
    if (what === 'waiting') await client.query(`UPDATE subject_requests SET state = $2, reason = $3, next_at = now() + $4 * interval '1 millisecond' WHERE request_id = $1`, [requestId, data?.['state'], data?.['reason'], HELD_MS]);
    if (what === 'prepared') await client.query(`UPDATE subject_requests SET state = 'ready' WHERE request_id = $1`, [requestId]);
    if (what === 'alerted') await client.query('UPDATE subject_requests SET alerts = $2 WHERE request_id = $1', [requestId, data?.['alerts']]);
    if (what === 'completed' || what === 'refused' || what === 'withdrawn') {
      await client.query('UPDATE subject_requests SET state = $2, closed_at = $3, reason = coalesce($4, reason) WHERE request_id = $1', [requestId, what, time, data?.['reason'] ?? null]);
      // What was restricted stays so when the request is answered, for its announcement when it is refused, and not when its owner has ended it.
      const liftsAt = data?.['liftsAt'];
      if (liftsAt !== undefined) await client.query('UPDATE restrictions SET lifts_at = $2, lift_reason = $3 WHERE request_id = $1 AND (lifts_at IS NULL OR lifts_at > $2)', [requestId, liftsAt, data?.['reason']]);
      else if (what !== 'completed') await client.query('DELETE FROM restrictions WHERE request_id = $1', [requestId]);
    }
  }
}

/** The same is asked for again. */
export class RequestOpen extends Error {}

async function insertRequest(client: PoolClient, requestId: string, tenant: string, data: Readonly<Record<string, string | boolean>>): Promise<void> {
  const { subject, kind, law, isVerified, receivedAt, dueAt, extendedDueAt, notBefore, continues } = data;
  try {
    await client.query(
      `INSERT INTO subject_requests (request_id, tenant, subject, kind, law, state, received_at, due_at, extended_due_at, next_at, continues) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [requestId, tenant, subject, kind, law, isVerified === true ? 'working' : 'unverified', receivedAt, dueAt, extendedDueAt ?? null, notBefore, continues ?? null],
    );
  } catch (error) {
    if ((error as { code?: string }).code === UNIQUE_VIOLATION) throw new RequestOpen('the same is open', { cause: error });
    throw error;
  }
}
