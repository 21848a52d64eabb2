-- Up Migration

-- Counts every change of a policy or a hold, in the transaction that makes it: whoever gives an order holds the row as it was when the order
-- was judged, so that no order is given under rules that have changed, and whoever changes a rule waits for the orders that are being given.
CREATE TABLE rules_version (
  one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  version bigint NOT NULL
);
INSERT INTO rules_version (version) VALUES (1);
CREATE FUNCTION move_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE rules_version SET version = version + 1;
  RETURN NULL;
END $$;
-- By the events, so that no flow can forget it.
CREATE TRIGGER events_move_rules AFTER INSERT ON events FOR EACH ROW WHEN (NEW.type ~ '^retention\.(policy|policies|hold|type)[.-]') EXECUTE FUNCTION move_rules();
GRANT SELECT, UPDATE ON rules_version TO retention_runtime;

-- Orders of deletion. Read table of the streams `deletion/<id>`.
CREATE TABLE deletion_orders (
  order_id   text COLLATE "C" PRIMARY KEY,
  tenant     text NOT NULL,
  holder     text NOT NULL,
  type       text NOT NULL,
  data_class text NOT NULL,
  state      text NOT NULL CHECK (state IN ('open', 'executed', 'recalled', 'expired', 'refused')),
  -- As it goes to the holder.
  request    jsonb NOT NULL,
  -- Resources as they were listed, so that a hold placed later can be held against them.
  resources  jsonb NOT NULL,
  -- What a certificate says of the rule: policy, version, who made and approved it.
  rule       jsonb NOT NULL,
  ordered_at timestamptz NOT NULL,
  settled_at timestamptz,
  outcome    jsonb,
  certificate text,
  CHECK ((state = 'open') = (settled_at IS NULL))
);
CREATE INDEX deletion_orders_open ON deletion_orders (ordered_at) WHERE state = 'open';
CREATE INDEX deletion_orders_of ON deletion_orders (tenant, ordered_at, order_id);
GRANT SELECT, INSERT ON deletion_orders TO retention_runtime;
GRANT UPDATE (state, settled_at, outcome, certificate) ON deletion_orders TO retention_runtime;

-- Types that services have registered, and what was pushed of those that cannot be asked.
CREATE TABLE resource_types (
  type          text COLLATE "C" PRIMARY KEY,
  holder        text NOT NULL,
  clock         text NOT NULL CHECK (clock IN ('created', 'closed', 'last-used')),
  actions       text[] NOT NULL,
  classes       text[] NOT NULL,
  -- Resources of one order at most.
  order_max     integer NOT NULL CHECK (order_max BETWEEN 1 AND 1000),
  -- A resource is a range of many things, of which a hold may keep some.
  is_range      boolean NOT NULL DEFAULT false,
  registered_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON resource_types TO retention_runtime;

-- Down Migration

DROP TABLE resource_types, deletion_orders;
DROP TRIGGER events_move_rules ON events;
DROP FUNCTION move_rules;
DROP TABLE rules_version;
