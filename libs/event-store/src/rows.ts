import type { Pool, PoolClient } from '@countersign/postgres';
import { EventStoreFault } from './fault.js';
import type { PreparedEvent } from './prepare.js';
import { recordedFromRow, type EventRow, type RecordedEvent } from './recorded-event.js';
import { relayChannel } from './schema.js';

/** Events read at once. */
const READ_ROWS_MAX = 1_000;
const UNIQUE_VIOLATION = '23505';
/** Longer names are cut by PostgreSQL, and two might become one. */
const PREPARED_NAME_CHARS_MAX = 63;

export interface StreamName {
  readonly tenant: string;
  readonly stream: string;
}

export interface StoredCommand {
  readonly stream: string;
  /** Version of the stream after the command. */
  readonly version: number;
  /** Events that the command brought. */
  readonly events: number;
}

/** The statements on the tables of `eventStoreMigrationSql` and `eventStoreTracesSql`. */
export class EventRows {
  constructor(
    readonly pool: Pool,
    readonly schema: string,
  ) {}

  /** The events after version `from`, up to `to`, in pages. Throws STREAM_DAMAGED when one is missing. */
  async *pages({ tenant, stream }: StreamName, from: number, to: number): AsyncGenerator<RecordedEvent[]> {
    for (let version = from; version < to; ) {
      const { rows } = await this.pool.query<EventRow & { version: string }>(
        `SELECT tenant, version, event_id, event, personal FROM ${this.schema}.events
         WHERE tenant = $1 AND stream = $2 AND version > $3 AND version <= $4 ORDER BY version LIMIT $5`,
        [tenant, stream, version, to, READ_ROWS_MAX],
      );
      if (rows.length > 0) yield rows.map((row) => consecutive(row, stream, ++version));
      if (rows.length < READ_ROWS_MAX) return;
    }
  }

  async version({ tenant, stream }: StreamName): Promise<number> {
    const { rows } = await this.pool.query<{ version: string }>(
      `SELECT coalesce(max(version), 0) AS version FROM ${this.schema}.events WHERE tenant = $1 AND stream = $2`,
      [tenant, stream],
    );
    return Number(rows[0]?.version);
  }

  async command(tenant: string, commandId: string): Promise<StoredCommand | undefined> {
    const { rows } = await this.pool.query<{ stream: string; version: string; events: number }>(
      `SELECT stream, version, events FROM ${this.schema}.event_commands WHERE tenant = $1 AND command_id = $2`,
      [tenant, commandId],
    );
    return rows[0] && { ...rows[0], version: Number(rows[0].version) };
  }

  /** False if the command is known. Waits for a transaction that is about to store the same id. */
  async insertCommand(client: PoolClient, tenant: string, commandId: string, command: StoredCommand): Promise<boolean> {
    const { rowCount } = await client.query(
      `INSERT INTO ${this.schema}.event_commands (tenant, command_id, stream, version, events) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [tenant, commandId, command.stream, command.version, command.events],
    );
    return rowCount === 1;
  }

  /** Stores the events with their rows for the relay. Throws STREAM_VERSION_CONFLICT unless the stream is at `expectedVersion`. */
  async insertEvents(client: Pick<PoolClient, 'query'>, { tenant, stream }: StreamName, expectedVersion: number, events: readonly PreparedEvent[]): Promise<void> {
    const values = [
      tenant, stream, expectedVersion, events[0]?.time,
      events.map(({ id }) => id), events.map(({ type }) => type), events.map(({ content }) => content),
      events.map(({ personal }) => (personal === undefined ? null : JSON.stringify(personal))),
      events[0]?.traceparent ?? null,
    ];
    try {
      const { rowCount } = await client.query(
        `WITH stored AS (
           INSERT INTO ${this.schema}.events (tenant, stream, version, event_id, type, occurred_at, event, personal)
           SELECT $1, $2, $3::bigint + at, id, type, $4::timestamptz, event, personal
           FROM unnest($5::uuid[], $6::text[], $7::text[], $8::jsonb[]) WITH ORDINALITY AS e (id, type, event, personal, at)
           WHERE $3::bigint = (SELECT coalesce(max(version), 0) FROM ${this.schema}.events WHERE tenant = $1 AND stream = $2)
           RETURNING event_id
         )
         INSERT INTO ${this.schema}.event_relay (event_id, traceparent)
         SELECT id, $9::text FROM unnest($5::uuid[]) WITH ORDINALITY AS e (id, at) WHERE EXISTS (SELECT FROM stored) ORDER BY at`,
        values,
      );
      if (rowCount !== events.length) throw versionConflict();
    } catch (error) {
      const { code, constraint } = error as { code?: string; constraint?: string };
      if (code === UNIQUE_VIOLATION && constraint === 'events_stream_version') throw versionConflict(error);
      throw error;
    }
  }

  /**
   * Stores the first event of each of these streams, in one statement, which is one transaction. Ids of the events whose
   * stream was new; the others are not stored.
   */
  async insertFirst(first: readonly (StreamName & { readonly event: PreparedEvent })[]): Promise<ReadonlySet<string>> {
    // In the order of their names: two statements that share some of them must not wait for each other.
    const ordered = first.toSorted((a, b) => (a.stream < b.stream ? -1 : 1));
    const { rows } = await this.pool.query<{ event_id: string }>({
      name: `first-of-${this.schema}`.slice(0, PREPARED_NAME_CHARS_MAX),
      text: `WITH given AS (
         SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::jsonb[], $8::text[]) AS g (tenant, stream, id, type, time, event, personal, traceparent)
       ), stored AS (
         INSERT INTO ${this.schema}.events (tenant, stream, version, event_id, type, occurred_at, event, personal)
         SELECT tenant, stream, 1, id, type, time, event, personal FROM given
         ON CONFLICT ON CONSTRAINT events_stream_version DO NOTHING RETURNING event_id
       ), relayed AS (
         INSERT INTO ${this.schema}.event_relay (event_id, traceparent) SELECT event_id, traceparent FROM stored JOIN given ON id = event_id
       )
       SELECT event_id FROM stored`,
      values: [
        ordered.map(({ tenant }) => tenant), ordered.map(({ stream }) => stream), ordered.map(({ event }) => event.id), ordered.map(({ event }) => event.type),
        ordered.map(({ event }) => event.time), ordered.map(({ event }) => event.content),
        ordered.map(({ event: { personal } }) => (personal === undefined ? null : JSON.stringify(personal))),
        ordered.map(({ event: { traceparent } }) => traceparent ?? null),
      ],
    });
    return new Set(rows.map(({ event_id: id }) => id));
  }

  /** Wakes whichever instance relays. */
  async wakeRelay(): Promise<void> {
    await this.pool.query('SELECT pg_notify($1, $2)', [relayChannel(this.schema), '']);
  }
}

function consecutive(row: EventRow & { readonly version: string }, stream: string, version: number): RecordedEvent {
  if (Number(row.version) !== version) throw new EventStoreFault('STREAM_DAMAGED', `version ${version} of the stream is missing`);
  return recordedFromRow(row, stream, version);
}

export function versionConflict(cause?: unknown): EventStoreFault {
  return new EventStoreFault('STREAM_VERSION_CONFLICT', 'the stream is not at the expected version', undefined, { cause });
}
