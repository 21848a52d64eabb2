-- Up Migration

-- Statements of destruction whose order is neither carried out nor taken back, from before they are sent: what a crash leaves is found here, and
-- settled without anybody asking. An order that is sent again goes by the statement that is here, whatever the ledger is configured to by then.
CREATE TABLE part_statements (
  order_id   text COLLATE "C" PRIMARY KEY,
  ledger_id  integer NOT NULL,
  -- The ledger's own event, as it is sent to the intake each time.
  event      json NOT NULL,
  expires_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON part_statements TO ledger_eraser;
-- To recall a statement one must know whose it is.
GRANT SELECT (ledger_id, tenant, origin) ON ledgers TO ledger_eraser;

-- By which classes the entries of a ledger were looked at: with others they are looked at again.
ALTER TABLE part_stretch_ends ADD COLUMN classes text NOT NULL DEFAULT '';

-- Down Migration

ALTER TABLE part_stretch_ends DROP COLUMN classes;
REVOKE ALL ON ledgers FROM ledger_eraser;
DROP TABLE part_statements;
