import { EmitError } from '../errors.js';

export const OUTBOX_SCHEMA_DEFAULT = 'public';

/** Throws EmitError OPTION_INVALID unless the name can stand in SQL as it is. */
export function checkSchema(schema: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new EmitError('OPTION_INVALID', 'schema must be a lower-case SQL name of at most 63 characters', 'schema');
  }
  return schema;
}

/** The channel that wakes the relay. PostgreSQL names have at most 63 bytes. */
export function outboxChannel(schema: string, source: string): string {
  return `outbox_${schema}_${source}`.slice(0, 63);
}

/**
 * SQL that makes the outbox's two tables in an existing schema, for the service's own migrations. Run it once.
 * The service's role needs SELECT, INSERT, UPDATE and DELETE on `event_outbox` and SELECT, INSERT and UPDATE on
 * `event_outbox_producer`.
 */
export function outboxMigrationSql(schema: string = OUTBOX_SCHEMA_DEFAULT): string {
  const s = checkSchema(schema);
  return `
CREATE TABLE ${s}.event_outbox_producer (
  source text PRIMARY KEY,
  producer_id text NOT NULL,
  -- Order of the rows. Its lock is held to the end of each transaction that enqueues, so positions become visible in order.
  position bigint NOT NULL,
  -- Highest sequence given out.
  sequence bigint NOT NULL CHECK (sequence >= 0)
);
CREATE TABLE ${s}.event_outbox (
  source text NOT NULL,
  position bigint NOT NULL,
  tenant text NOT NULL,
  event_id uuid NOT NULL,
  -- The JSON that is sent, but for its personal parts.
  event text NOT NULL,
  -- These, encrypted by the service, until the receipt.
  personal text,
  -- Of the trace that the event belongs to, where that is recorded (W3C Trace Context).
  traceparent text,
  enqueued_at timestamptz NOT NULL DEFAULT now(),
  receipt jsonb,
  refused_code text,
  refused_field text,
  refused_message text,
  PRIMARY KEY (source, position)
);
CREATE UNIQUE INDEX event_outbox_unsettled ON ${s}.event_outbox (source, position)
  WHERE receipt IS NULL AND refused_code IS NULL;
CREATE UNIQUE INDEX event_outbox_unsettled_id ON ${s}.event_outbox (source, tenant, event_id)
  WHERE receipt IS NULL AND refused_code IS NULL;
`;
}
