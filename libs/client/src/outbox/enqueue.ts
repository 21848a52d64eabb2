import { sampledTraceparent } from '@countersign/trace-context';
import { EmitError } from '../errors.js';
import { eventBytesMax, type PreparedEvent } from '../event-input.js';
import type { Emitted } from '../pipeline.js';
import type { SealedEvent } from './personal.js';
import { outboxChannel } from './schema.js';

/** A connection inside the caller's transaction, such as pg's client. */
export interface SqlClient {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
}

/** What a number may add to an event of an outbox: the producer's id is the source and 16 hex digits. */
const NUMBER_BYTES_MAX = 48 + 2 + 63 + 17;
const UNIQUE_VIOLATION = '23505';

/** Throws EmitError EVENT_TOO_LARGE if the event with its number could be too large. */
export function checkOutboxSize({ content, numbered }: PreparedEvent): void {
  eventBytesMax(content, numbered ? NUMBER_BYTES_MAX : 0);
}

/**
 * Writes the event into the outbox in the caller's transaction. One statement: takes the next position and number
 * (their row stays locked until the transaction ends, so no number is ever missing and none is used twice),
 * stores the row, and wakes the relay at commit.
 */
export async function enqueueRow(client: SqlClient, schema: string, source: string, prepared: SealedEvent): Promise<Emitted> {
  const values = [source, prepared.tenant, prepared.id, prepared.content, prepared.numbered ? 1 : 0, outboxChannel(schema, source), prepared.personal ?? null, sampledTraceparent() ?? null];
  try {
    const { rows } = await client.query(enqueueSql(schema), values);
    const [row] = rows as { sequence: string }[];
    return { id: prepared.id, sequence: prepared.numbered ? Number(row?.sequence) : undefined };
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
    throw new EmitError('EVENT_ID_REUSED', 'an event with this id is already in the outbox', 'id', { cause: error });
  }
}

function enqueueSql(schema: string): string {
  return `
WITH numbered AS (
  INSERT INTO ${schema}.event_outbox_producer AS producer (source, producer_id, position, sequence)
  VALUES ($1, $1 || '-' || left(replace(gen_random_uuid()::text, '-', ''), 16), 1, $5::bigint)
  ON CONFLICT (source) DO UPDATE SET position = producer.position + 1, sequence = producer.sequence + $5::bigint
  RETURNING producer_id, position, sequence
), stored AS (
  INSERT INTO ${schema}.event_outbox (source, position, tenant, event_id, personal, traceparent, event)
  SELECT $1, position, $2, $3::uuid, $7::text, $8::text,
    CASE WHEN $5::bigint = 0 THEN $4::text
    ELSE left($4::text, -1) || ',"producer":{"id":' || to_json(producer_id)::text || ',"sequence":' || sequence || '}}' END
  FROM numbered
)
SELECT sequence, pg_notify($6, '') FROM numbered`;
}
