import { SOURCE_PATTERN } from '@countersign/chain';
import { EventStoreFault } from './fault.js';

const SQL_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** Throws OPTION_INVALID unless the name can stand in SQL as it is. */
export function checkSqlName(name: string, field: string): string {
  if (SQL_NAME.test(name)) return name;
  throw new EventStoreFault('OPTION_INVALID', `${field} must be a lower-case SQL name of at most 63 characters`, field);
}

export function checkSource(source: string): string {
  if (SOURCE_PATTERN.test(source)) return source;
  throw new EventStoreFault('OPTION_INVALID', 'source must be 1 to 63 of a-z, 0-9 and hyphen', 'source');
}

export interface SchemaOptions {
  /** An existing schema, of this source alone. */
  readonly schema: string;
  readonly source: string;
  /** The role that the service runs as. It must not own the tables. */
  readonly runtimeRole: string;
}

/**
 * SQL that makes the event store's tables in an existing schema and grants the runtime role what it needs and no more,
 * for the service's own migrations, run as the owner. Run it once. Throws OPTION_INVALID.
 */
export function eventStoreMigrationSql(options: SchemaOptions): string {
  const s = checkSqlName(options.schema, 'schema');
  const role = checkSqlName(options.runtimeRole, 'runtimeRole');
  const source = checkSource(options.source);
  return tablesSql(s, source) + setOnceSql(s) + grantsSql(s, role);
}

/** What came later: events know the trace that they belong to. For a migration of its own, after that of `eventStoreMigrationSql`. Throws OPTION_INVALID. */
export function eventStoreTracesSql({ schema }: Pick<SchemaOptions, 'schema'>): string {
  return `
-- Of the trace that the event belongs to, where that is recorded (W3C Trace Context); null else.
ALTER TABLE ${checkSqlName(schema, 'schema')}.event_relay ADD COLUMN traceparent text CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-01$');
`;
}

function tablesSql(s: string, source: string): string {
  return `
-- One row a ledger event; inserted, and never touched again.
CREATE TABLE ${s}.events (
  tenant text NOT NULL,
  stream text NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  event_id uuid NOT NULL,
  type text NOT NULL CHECK (starts_with(type, '${source}.')),
  occurred_at timestamptz NOT NULL,
  -- Canonical JSON without the personal parts.
  event text NOT NULL,
  -- [{"subject", "sealed"}] or [{"subject", "erased": true}]; never in clear.
  personal jsonb,
  CONSTRAINT events_stream_version PRIMARY KEY (tenant, stream, version)
);
-- What the ledger is to be told and what it answered. The relay numbers the rows; number and receipt are set once.
CREATE TABLE ${s}.event_relay (
  event_id uuid PRIMARY KEY,
  added bigint GENERATED ALWAYS AS IDENTITY,
  appended_at timestamptz NOT NULL DEFAULT now(),
  -- The order of sending, and the producer's number that the ledger is given.
  position bigint,
  producer_id text,
  sequence bigint,
  ledger_index bigint,
  event_hash text,
  recorded_at text,
  refused_code text,
  refused_field text,
  refused_message text,
  CHECK (num_nulls(position, producer_id, sequence) IN (0, 3)),
  CHECK (num_nulls(ledger_index, event_hash, recorded_at) IN (0, 3))
);
CREATE INDEX event_relay_unreceipted ON ${s}.event_relay (position, added) WHERE ledger_index IS NULL;
-- The database itself says that every event is sent: none can be committed without its row for the relay.
ALTER TABLE ${s}.events ADD CONSTRAINT events_are_relayed UNIQUE (event_id),
  ADD FOREIGN KEY (event_id) REFERENCES ${s}.event_relay (event_id) DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE ${s}.event_commands (
  tenant text NOT NULL,
  command_id text NOT NULL,
  stream text NOT NULL,
  -- Version of the stream afterwards, and how many of its last events are the command's.
  version bigint NOT NULL,
  events integer NOT NULL,
  PRIMARY KEY (tenant, command_id)
);
-- One row, locked by whoever numbers: no number is left out and none is used twice.
CREATE TABLE ${s}.event_producer (
  source text PRIMARY KEY,
  producer_id text NOT NULL,
  position bigint NOT NULL,
  -- Highest number given out under the producer id.
  sequence bigint NOT NULL
);
INSERT INTO ${s}.event_producer VALUES ('${source}', '${source}-' || left(replace(gen_random_uuid()::text, '-', ''), 16), 0, 0);
`;
}

function setOnceSql(s: string): string {
  return `
CREATE FUNCTION ${s}.event_relay_set_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.event_id, NEW.added, NEW.appended_at) IS DISTINCT FROM (OLD.event_id, OLD.added, OLD.appended_at)
     OR (OLD.position IS NOT NULL AND (NEW.position, NEW.producer_id, NEW.sequence)
       IS DISTINCT FROM (OLD.position, OLD.producer_id, OLD.sequence))
     OR (OLD.ledger_index IS NOT NULL AND (NEW.ledger_index, NEW.event_hash, NEW.recorded_at)
       IS DISTINCT FROM (OLD.ledger_index, OLD.event_hash, OLD.recorded_at))
  THEN RAISE EXCEPTION 'an event keeps its number and its receipt' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER event_relay_set_once BEFORE UPDATE ON ${s}.event_relay FOR EACH ROW EXECUTE FUNCTION ${s}.event_relay_set_once();
`;
}

function grantsSql(s: string, role: string): string {
  return `
GRANT USAGE ON SCHEMA ${s} TO ${role};
GRANT SELECT, INSERT ON ${s}.events, ${s}.event_relay, ${s}.event_commands TO ${role};
GRANT UPDATE (position, producer_id, sequence, ledger_index, event_hash, recorded_at, refused_code, refused_field, refused_message) ON ${s}.event_relay TO ${role};
GRANT SELECT, UPDATE (position, sequence) ON ${s}.event_producer TO ${role};
`;
}

/** The channel that wakes the relay. PostgreSQL names have at most 63 bytes. */
export function relayChannel(schema: string): string {
  return `events_${schema}`.slice(0, 63);
}
