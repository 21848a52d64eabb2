const ROLE_PATTERN = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * SQL that makes the table of orders, for the service's own migrations, run as the owner. `role` is the one that carries orders out;
 * it can neither change nor forget what became of one. Throws RangeError.
 */
export function retentionOrdersMigrationSql(role: string): string {
  if (!ROLE_PATTERN.test(role)) throw new RangeError('role must be a lower-case SQL name');
  return `
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
GRANT SELECT, INSERT ON retention_orders TO ${role};
`;
}
