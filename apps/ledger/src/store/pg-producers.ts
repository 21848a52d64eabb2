import type { ProducerReport } from '@countersign/contracts';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

/** Runs of missing numbers that a report names for one producer. */
const RUNS_REPORTED_MAX = 10;
const PRODUCERS_REPORTED_MAX = 1_000;
export interface ProducerLimits {
  /** A producer that numbers its events and sent none for this long is silent… */
  readonly silentAfterMs: number;
  /** …until it is taken for retired. */
  readonly retiredAfterMs: number;
  /** Runs remembered for one producer: one that numbers at random must not make its row grow for ever. */
  readonly runsKeptMax: number;
}

export const PRODUCER_LIMITS_DEFAULT: ProducerLimits = { silentAfterMs: 3_600_000, retiredAfterMs: 30 * 86_400_000, runsKeptMax: 10_000 };

/** One row of metrics: a source of a tenant. */
export interface OmissionCount {
  readonly tenant: string;
  readonly source: string;
  readonly missing: number;
  readonly silent: number;
}

// A producer numbers through all ledgers that it writes in: what one has not seen, another may have. Who may send as a source may do so in each of them.
const ANYWHERE = '(SELECT range_agg(e.seen) FROM producers e WHERE e.source = p.source AND e.producer_id = p.producer_id)';
// Numbers start at 1; what lies below the highest seen here and was seen nowhere is missing.
const MISSING = `int8multirange(int8range(1, upper(p.seen))) - ${ANYWHERE}`;
// What was overdue may have arrived since the last check. Mostly nothing is, and nothing else is looked at.
const STILL_OVERDUE = `CASE WHEN isempty(p.overdue) THEN p.overdue ELSE p.overdue - ${ANYWHERE} END`;
const COUNT = (ranges: string): string => `(SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(${ranges}) AS r)`;
const SILENT = `p.last_seen_at < now() - make_interval(secs => $1) AND p.last_seen_at >= now() - make_interval(secs => $2)
  AND NOT EXISTS (SELECT FROM producers e WHERE e.source = p.source AND e.producer_id = p.producer_id AND e.last_seen_at >= now() - make_interval(secs => $1))`;

/** What producers sent and did not send. `reader` may select only; `writer` is of the role `ledger_runtime`. */
export class PgProducers {
  constructor(
    private readonly reader: pg.Pool,
    private readonly writer: pg.Pool,
    private readonly limits: ProducerLimits = PRODUCER_LIMITS_DEFAULT,
  ) {}

  /**
   * Makes overdue what was missing at the check before and still is. To be called when everything committed is indexed;
   * does nothing when the last check is more recent than `graceMs`.
   */
  async checkGaps(ledger: Ledger, graceMs: number): Promise<void> {
    await this.writer.query(
      `WITH checked AS (
         UPDATE index_cursors SET gaps_checked_at = now()
          WHERE ledger_id = $1 AND coalesce(gaps_checked_at <= now() - make_interval(secs => $2), true) RETURNING ledger_id
       ), found AS (
         SELECT p.source, p.producer_id, ${MISSING} AS missing FROM producers p JOIN checked USING (ledger_id)
       )
       UPDATE producers p
          SET overdue = p.missing_before * found.missing, missing_before = found.missing
         FROM found
        WHERE p.ledger_id = $1 AND p.source = found.source AND p.producer_id = found.producer_id
          AND (p.missing_before <> found.missing OR p.overdue <> p.missing_before * found.missing)`,
      [ledger.ledgerId, graceMs / 1000],
    );
    await this.writer.query(
      // Gives up the lowest runs: they have been reported for a long time, or the numbers mean nothing.
      `UPDATE producers p SET seen = p.seen + int8multirange(int8range(1, kept.lowest))
         FROM (SELECT source, producer_id,
                      (SELECT lower(r) FROM unnest(seen) AS r ORDER BY lower(r) DESC OFFSET $2 LIMIT 1) AS lowest
                 FROM producers WHERE ledger_id = $1 AND pg_column_size(seen) > $2 * 8) AS kept
        WHERE p.ledger_id = $1 AND p.source = kept.source AND p.producer_id = kept.producer_id AND kept.lowest > 1`,
      [ledger.ledgerId, this.limits.runsKeptMax],
    );
  }

  /** Producers of a ledger with overdue numbers, or silent. */
  async report(ledger: Ledger): Promise<{ checkedAt: string | undefined; producers: ProducerReport[] }> {
    const { silentAfterMs, retiredAfterMs } = this.limits;
    const { rows } = await this.reader.query<ReportRow>(
      `SELECT * FROM (
         SELECT p.source, p.producer_id, upper(p.seen) - 1 AS highest, p.last_seen_at, ${SILENT} AS silent,
                ${COUNT(STILL_OVERDUE)} AS missing_count,
                ARRAY(SELECT ARRAY[lower(r), upper(r) - 1] FROM unnest(${STILL_OVERDUE}) AS r LIMIT ${RUNS_REPORTED_MAX}) AS runs
           FROM producers p WHERE p.ledger_id = $3) AS r
        WHERE silent OR missing_count > 0 ORDER BY missing_count DESC, source, producer_id LIMIT ${PRODUCERS_REPORTED_MAX}`,
      [silentAfterMs / 1000, retiredAfterMs / 1000, ledger.ledgerId],
    );
    const checked = await this.reader.query<{ gaps_checked_at: Date | null }>(
      'SELECT gaps_checked_at FROM index_cursors WHERE ledger_id = $1',
      [ledger.ledgerId],
    );
    return { checkedAt: checked.rows[0]?.gaps_checked_at?.toISOString(), producers: rows.map(producerReport) };
  }

  /** Missing numbers and silent producers of every source that has any, of all ledgers. */
  async omissions(): Promise<OmissionCount[]> {
    const { silentAfterMs, retiredAfterMs } = this.limits;
    const { rows } = await this.reader.query<{ tenant: string; source: string; missing: string; silent: string }>(
      `SELECT l.tenant, p.source, sum(${COUNT(STILL_OVERDUE)}) AS missing, count(*) FILTER (WHERE ${SILENT}) AS silent
         FROM producers p JOIN ledgers l USING (ledger_id) GROUP BY 1, 2`,
      [silentAfterMs / 1000, retiredAfterMs / 1000],
    );
    return rows.map((row) => ({ tenant: row.tenant, source: row.source, missing: Number(row.missing), silent: Number(row.silent) }));
  }

  /** Events committed and not yet indexed, by tenant. */
  async indexLag(): Promise<{ tenant: string; lag: number }[]> {
    const { rows } = await this.reader.query<{ tenant: string; lag: string }>(
      `SELECT l.tenant, h.tree_size - coalesce(c.indexed_size, 0) AS lag
         FROM ledgers l JOIN heads h USING (ledger_id) LEFT JOIN index_cursors c USING (ledger_id)`,
    );
    return rows.map((row) => ({ tenant: row.tenant, lag: Number(row.lag) }));
  }
}

interface ReportRow {
  readonly source: string;
  readonly producer_id: string;
  readonly highest: string;
  readonly last_seen_at: Date;
  readonly silent: boolean;
  readonly missing_count: string;
  readonly runs: readonly (readonly [string, string])[];
}

function producerReport(row: ReportRow): ProducerReport {
  return {
    source: row.source,
    producerId: row.producer_id,
    highestSequence: Number(row.highest),
    lastSeenAt: row.last_seen_at.toISOString(),
    silent: row.silent,
    missingCount: Number(row.missing_count),
    missing: row.runs.map(([first, last]) => ({ first: Number(first), last: Number(last) })),
  };
}
