-- Up Migration

-- Read table of the policy sets. An organisation's name, or empty for the installation's own.
CREATE TABLE policies (
  organization text NOT NULL,
  policy_id text NOT NULL,
  -- NULL: all types, all classes.
  type text,
  data_class text,
  version bigint NOT NULL CHECK (version > 0),
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (organization, policy_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON policies TO retention_runtime;

-- Down Migration

DROP TABLE policies;
