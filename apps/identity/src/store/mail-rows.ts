import type { Pool, PoolClient } from '@countersign/postgres';

/** Mails that are taken to be sent in one go. */
const BATCH_MAX = 20;
/** Whoever has taken a mail has so long to send it; then another instance may. */
const CLAIM_MS = 60_000;
const FIRST_PAUSE_MS = 30_000;
const PAUSE_MS_MAX = 3_600_000;
/** Rows of mails that are dealt with, without content, are kept so long for the operator's count. */
const KEPT_DAYS = 30;

export interface NewMail {
  readonly mailId: string;
  readonly subject: string;
  readonly template: string;
  /** Sealed. */
  readonly content: string;
  readonly usefulMs: number;
}

export interface WaitingMail {
  readonly mail_id: string;
  readonly subject: string;
  readonly template: string;
  readonly content: string;
  readonly tries: number;
}

export interface MailStatus {
  readonly waiting: number;
  readonly oldest: Date | null;
  readonly undelivered: number;
}

/** The mail outbox. Its times are the database's alone: instances need not agree on any. */
export class MailRows {
  constructor(readonly pool: Pool) {}

  /** Takes mails that are due, so that nobody else sends them meanwhile. */
  async take(): Promise<WaitingMail[]> {
    const { rows } = await this.pool.query<WaitingMail>(
      `UPDATE mails SET tries = tries + 1, next_at = now() + $1 * interval '1 millisecond' WHERE mail_id IN
       (SELECT mail_id FROM mails WHERE state = 'waiting' AND next_at <= now() ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING mail_id, subject, template, content, tries`,
      [CLAIM_MS, BATCH_MAX],
    );
    return rows;
  }

  /** What it said is gone with it. */
  async settle(mailId: string, state: 'sent' | 'undelivered'): Promise<void> {
    await this.pool.query(`UPDATE mails SET state = $2, content = NULL WHERE mail_id = $1 AND state = 'waiting'`, [mailId, state]);
  }

  /** Later, and then at growing distances. */
  async postpone({ mail_id, tries }: WaitingMail): Promise<void> {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), PAUSE_MS_MAX);
    await this.pool.query(`UPDATE mails SET next_at = now() + $2 * interval '1 millisecond' WHERE mail_id = $1`, [mail_id, pauseMs]);
  }

  /** Gives up mails whose links have ended, and forgets those that were dealt with long ago. Returns how many were given up. */
  async expire(): Promise<number> {
    const { rowCount } = await this.pool.query(
      `UPDATE mails SET state = 'undelivered', content = NULL WHERE state = 'waiting' AND written_at + useful_ms * interval '1 millisecond' < now()`,
    );
    await this.pool.query(`DELETE FROM mails WHERE state <> 'waiting' AND written_at < now() - $1 * interval '1 day'`, [KEPT_DAYS]);
    return rowCount ?? 0;
  }

  async status(): Promise<MailStatus> {
    const { rows } = await this.pool.query<{ waiting: string; oldest: Date | null; undelivered: string }>(
      `SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, min(written_at) FILTER (WHERE state = 'waiting') AS oldest,
       count(*) FILTER (WHERE state = 'undelivered') AS undelivered FROM mails`,
    );
    const { waiting, oldest, undelivered } = rows[0]!;
    return { waiting: Number(waiting), oldest, undelivered: Number(undelivered) };
  }
}

export async function insertMail(client: PoolClient, { mailId, subject, template, content, usefulMs }: NewMail): Promise<void> {
  await client.query('INSERT INTO mails (mail_id, subject, template, content, useful_ms) VALUES ($1, $2, $3, $4, $5)', [mailId, subject, template, content, Math.round(usefulMs)]);
}
