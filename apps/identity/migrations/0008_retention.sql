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
GRANT SELECT, INSERT ON retention_orders TO identity_runtime;

-- What has ended is kept for a time only.
GRANT DELETE ON sessions, api_keys, invitations TO identity_runtime;

-- Down Migration

REVOKE DELETE ON sessions, api_keys, invitations FROM identity_runtime;
DROP TABLE retention_orders;
