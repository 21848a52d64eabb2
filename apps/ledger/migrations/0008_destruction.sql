-- Up Migration

-- Orders of retention, as libs/holder makes it (retentionOrdersMigrationSql); a test holds the two alike.

-- Orders of retention and what became of each, as libs/holder has it: whichever commits first, carrying out or calling back, is on record.
CREATE TABLE retention_orders (
  order_id     text COLLATE "C" PRIMARY KEY,
  state        text NOT NULL CHECK (state IN ('executed', 'recalled', 'expired')),
  -- Of the order as it came; NULL where it was called back before it arrived.
  order_digest text,
  outcome      jsonb NOT NULL,
  decided_at   timestamptz NOT NULL DEFAULT now(),
  CHECK (state <> 'executed' OR order_digest IS NOT NULL)
);
GRANT SELECT, INSERT ON retention_orders TO ledger_eraser;

-- What retention is told of the parts that are stored: how many of each class in each stretch of a ledger, so that nobody has to read
-- the entries again to know. It can be dropped and built again.
CREATE TABLE part_stretches (
  ledger_id        integer NOT NULL,
  class            text NOT NULL,
  from_leaf        bigint NOT NULL,
  to_leaf          bigint NOT NULL CHECK (to_leaf > from_leaf),
  parts            bigint NOT NULL CHECK (parts > 0),
  first_recorded_at timestamptz NOT NULL,
  last_recorded_at timestamptz NOT NULL,
  -- Ids under a hold for which the rest of a stretch was left when the other parts of it went.
  kept_for         text[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (ledger_id, from_leaf, class)
);
-- Entries before it are in stretches.
CREATE TABLE part_stretch_ends (
  ledger_id integer PRIMARY KEY,
  to_leaf   bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON part_stretches, part_stretch_ends TO ledger_eraser;
GRANT SELECT ON part_stretches, part_stretch_ends TO ledger_reader;

-- Refused events are kept for a time only.
GRANT SELECT (quarantine_id, received_at, tenant), DELETE ON quarantine TO ledger_eraser;

-- Down Migration

REVOKE ALL ON quarantine FROM ledger_eraser;
DROP TABLE part_stretch_ends, part_stretches, retention_orders;
