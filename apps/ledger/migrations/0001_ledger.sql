-- Up Migration

CREATE TABLE ledgers (
  ledger_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant     text NOT NULL UNIQUE CHECK (tenant ~ '^[a-z0-9-]{1,63}$'),
  origin     text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- One row a ledger, moved by compare-and-set in the same transaction as the entries it speaks of.
CREATE TABLE heads (
  ledger_id       integer PRIMARY KEY REFERENCES ledgers,
  tree_size       bigint NOT NULL CHECK (tree_size >= 0),
  root_hash       bytea  NOT NULL CHECK (length(root_hash) = 32),
  last_event_hash bytea  NOT NULL CHECK (length(last_event_hash) = 32),
  -- Exactly as written in the last entry; empty before the first.
  last_recorded_at text  NOT NULL
) WITH (fillfactor = 50);

-- `data_part` and `personal_parts` hold the stored bytes of the parts that the entry lists, in its order; NULL, as a
-- whole or as an element, where there is none or it was destroyed: the entry tells which.
-- `content_digest` is one byte of key version, then HMAC-SHA-256 of the event as sent.
CREATE TABLE entries (
  ledger_id      integer NOT NULL,
  leaf_index     bigint  NOT NULL CHECK (leaf_index >= 0),
  event_id       uuid    NOT NULL,
  content_digest bytea,
  entry          bytea   NOT NULL,
  data_part      bytea,
  personal_parts bytea[],
  PRIMARY KEY (ledger_id, leaf_index),
  CONSTRAINT entries_event_id_key UNIQUE (ledger_id, event_id)
);

-- Full tiles only: a partial tile is a prefix of the full one that it will become.
CREATE TABLE tiles (
  ledger_id  integer  NOT NULL,
  level      smallint NOT NULL,
  tile_index bigint   NOT NULL,
  hashes     bytea    NOT NULL CHECK (length(hashes) = 8192),
  root       bytea    NOT NULL CHECK (length(root) = 32),
  PRIMARY KEY (ledger_id, level, tile_index)
);
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE checkpoints (
  ledger_id integer NOT NULL,
  tree_size bigint  NOT NULL,
  root_hash bytea   NOT NULL CHECK (length(root_hash) = 32),
  note      text    NOT NULL,
  signed_at timestamptz NOT NULL,
  PRIMARY KEY (ledger_id, tree_size)
);

-- Refused is not lost: the message as it came, and why it was not recorded.
CREATE TABLE quarantine (
  quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  received_at   timestamptz NOT NULL DEFAULT now(),
  subject       text  NOT NULL,
  -- Third token of intake.<source>.<tenant>: whose list of refusals this belongs to.
  tenant        text  GENERATED ALWAYS AS (split_part(subject, '.', 3)) STORED,
  event_id      text,
  code          text  NOT NULL,
  field         text,
  message       text  NOT NULL,
  body          bytea NOT NULL,
  body_digest   bytea NOT NULL,
  UNIQUE (body_digest, subject, code)
);
CREATE INDEX quarantine_tenant ON quarantine (tenant, quarantine_id);

-- Messages for a ledger that has stopped: kept here so that it holds up nobody else, replayed when it goes on.
CREATE TABLE parked_messages (
  parked_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ledger_id   integer NOT NULL,
  parked_at   timestamptz NOT NULL DEFAULT now(),
  subject     text  NOT NULL,
  content_type text,
  body        bytea NOT NULL
);
CREATE INDEX parked_messages_ledger ON parked_messages (ledger_id, parked_id);

CREATE TABLE verifications (
  verification_id uuid PRIMARY KEY,
  ledger_id   integer NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('tail', 'full', 'range')),
  verdict     text NOT NULL CHECK (verdict IN ('intact', 'broken')),
  finished_at timestamptz NOT NULL,
  result      jsonb NOT NULL,
  -- To be recorded in the system ledger under the event id `verification_id`.
  to_ledger   boolean NOT NULL
);
CREATE INDEX verifications_latest ON verifications (ledger_id, finished_at DESC);
CREATE INDEX verifications_to_ledger ON verifications (finished_at) WHERE to_ledger;

-- The search index, kept up after the fact by the indexer; it can be dropped and built again.
CREATE TABLE event_index (
  ledger_id     integer NOT NULL,
  leaf_index    bigint  NOT NULL,
  event_id      uuid    NOT NULL,
  type          text COLLATE "C" NOT NULL,
  severity      smallint NOT NULL,
  time          timestamptz NOT NULL,
  actor_id      text COLLATE "C" NOT NULL,
  resource_id   text COLLATE "C",
  PRIMARY KEY (ledger_id, leaf_index)
);
CREATE INDEX event_index_type     ON event_index (ledger_id, type, leaf_index);
CREATE INDEX event_index_actor    ON event_index (ledger_id, actor_id, leaf_index);
CREATE INDEX event_index_resource ON event_index (ledger_id, resource_id, leaf_index) WHERE resource_id IS NOT NULL;
CREATE INDEX event_index_severity ON event_index (ledger_id, severity, leaf_index) WHERE severity >= 1;

-- Between which times the events of each 1,024 leaves happened: a search by time reads the stretches that can match.
CREATE TABLE event_index_blocks (
  ledger_id integer NOT NULL,
  block     bigint  NOT NULL,
  min_time  timestamptz NOT NULL,
  max_time  timestamptz NOT NULL,
  PRIMARY KEY (ledger_id, block)
);

CREATE TABLE index_cursors (
  ledger_id       integer PRIMARY KEY,
  indexed_size    bigint NOT NULL,
  gaps_checked_at timestamptz
);

-- Which sequence numbers of each producer arrived; what lacks below the highest is a gap. A number is overdue when it
-- was missing at two checks in a row: one that is merely late, or waits for the indexer, is not reported.
CREATE TABLE producers (
  ledger_id    integer NOT NULL,
  source       text NOT NULL,
  producer_id  text NOT NULL,
  seen         int8multirange NOT NULL,
  missing_before int8multirange NOT NULL DEFAULT '{}',
  overdue      int8multirange NOT NULL DEFAULT '{}',
  last_seen_at timestamptz NOT NULL,
  PRIMARY KEY (ledger_id, source, producer_id)
);

-- A part may only ever become NULL, and only the eraser may do that (see the grants): the database itself says so.
CREATE FUNCTION refuse_part_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.ledger_id, NEW.leaf_index, NEW.event_id, NEW.entry) IS DISTINCT FROM (OLD.ledger_id, OLD.leaf_index, OLD.event_id, OLD.entry)
     OR (NEW.content_digest IS NOT NULL AND NEW.content_digest IS DISTINCT FROM OLD.content_digest)
     OR (NEW.data_part IS NOT NULL AND NEW.data_part IS DISTINCT FROM OLD.data_part)
     OR array_length(NEW.personal_parts, 1) > coalesce(array_length(OLD.personal_parts, 1), 0)
     OR EXISTS (SELECT FROM unnest(NEW.personal_parts, OLD.personal_parts) AS p(new_part, old_part)
                WHERE new_part IS NOT NULL AND new_part IS DISTINCT FROM old_part)
  THEN RAISE EXCEPTION 'entries are append-only: a part may be destroyed, nothing may be changed' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER entries_append_only BEFORE UPDATE ON entries FOR EACH ROW EXECUTE FUNCTION refuse_part_rewrite();

-- Least privilege. The roles are made by provisioning; migrations run as the owner.
GRANT USAGE ON SCHEMA public TO ledger_runtime, ledger_reader, ledger_eraser;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO ledger_runtime, ledger_reader;
GRANT INSERT ON ledgers, heads, entries, tiles, checkpoints, quarantine, parked_messages, verifications TO ledger_runtime;
GRANT UPDATE ON heads TO ledger_runtime;
GRANT DELETE ON parked_messages TO ledger_runtime;
GRANT INSERT, UPDATE, DELETE ON event_index, event_index_blocks, index_cursors, producers TO ledger_runtime;
GRANT SELECT (ledger_id, leaf_index, data_part, personal_parts), UPDATE (data_part, personal_parts, content_digest) ON entries TO ledger_eraser;

-- Down Migration

DROP TABLE producers, index_cursors, event_index_blocks, event_index, verifications, parked_messages, quarantine, checkpoints, tiles, entries, heads, ledgers;
DROP FUNCTION refuse_part_rewrite;
