import type pg from 'pg';

/** The slot keeps what was not archived yet; its name is the stream's, and it is in no backup: a server that was put back begins another stream. */
export const SLOT_PREFIX = 'countersign_wal_';

/** The stream of the write-ahead log that is being archived, and where its next piece begins; undefined when there is none. */
export async function slotOf(session: pg.Client): Promise<{ readonly stream: string; readonly fromLsn: string } | undefined> {
  const { rows } = await session.query<{ name: string; lsn: string | null; status: string | null }>(
    "SELECT slot_name AS name, restart_lsn::text AS lsn, wal_status AS status FROM pg_replication_slots WHERE slot_type = 'physical' AND starts_with(slot_name, $1) ORDER BY slot_name",
    [SLOT_PREFIX],
  );
  const usable = rows.find(({ lsn, status }) => lsn !== null && status !== 'lost');
  return usable === undefined ? undefined : { stream: usable.name.slice(SLOT_PREFIX.length), fromLsn: usable.lsn! };
}
