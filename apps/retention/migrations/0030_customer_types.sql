-- Up Migration

-- Read table of the streams `type/<type>`. The name begins with that of its tenant, so that names of two can never meet.
ALTER TABLE resource_types
  ADD COLUMN tenant text NOT NULL,
  ADD COLUMN service text NOT NULL,
  ADD COLUMN way text NOT NULL CHECK (way IN ('http', 'nats')),
  ADD COLUMN withdrawn_at timestamptz,
  -- Of `reported_resources`, kept in the same transactions.
  ADD COLUMN resources bigint NOT NULL DEFAULT 0 CHECK (resources >= 0),
  ADD CHECK (starts_with(type, tenant || '.'));
CREATE INDEX resource_types_of ON resource_types (tenant, type);

-- What services have reported that retention cannot ask. Whoever changes rows of a type has locked the type first.
CREATE TABLE reported_resources (
  type         text COLLATE "C" NOT NULL REFERENCES resource_types,
  id           text COLLATE "C" NOT NULL,
  data_class   text NOT NULL,
  -- An opaque id of the tenant's.
  subject      text COLLATE "C",
  created_at   timestamptz NOT NULL,
  closed_at    timestamptz,
  last_used_at timestamptz,
  -- The open order that names it: it is in no other.
  order_id     text COLLATE "C" REFERENCES deletion_orders,
  PRIMARY KEY (type, id)
);
CREATE INDEX reported_resources_subject ON reported_resources (subject, type, id) WHERE subject IS NOT NULL;
CREATE INDEX reported_resources_order ON reported_resources (order_id) WHERE order_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON reported_resources TO retention_runtime;

ALTER TABLE deletion_orders
  -- When its holder fetched it, and until when he may carry it out; of an order that is sent to its holder neither.
  ADD COLUMN fetched_at timestamptz,
  ADD COLUMN fetched_until timestamptz,
  -- A hold came after it was fetched.
  ADD COLUMN recall_asked_at timestamptz,
  -- The request of a data subject that it is a part of.
  ADD COLUMN request_id text COLLATE "C" REFERENCES subject_requests,
  ADD CHECK (num_nulls(fetched_at, fetched_until) IN (0, 2));
CREATE INDEX deletion_orders_to_fetch ON deletion_orders (type, ordered_at, order_id) WHERE state = 'open';
CREATE INDEX deletion_orders_of_request ON deletion_orders (request_id) WHERE request_id IS NOT NULL;
GRANT UPDATE (resources, fetched_at, fetched_until, recall_asked_at) ON deletion_orders TO retention_runtime;

-- Down Migration

ALTER TABLE deletion_orders DROP COLUMN fetched_at, DROP COLUMN fetched_until, DROP COLUMN recall_asked_at, DROP COLUMN request_id;
DROP TABLE reported_resources;
ALTER TABLE resource_types DROP COLUMN tenant, DROP COLUMN service, DROP COLUMN way, DROP COLUMN withdrawn_at, DROP COLUMN resources;
