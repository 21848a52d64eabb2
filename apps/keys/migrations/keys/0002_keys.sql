-- Up Migration

-- Read tables of the key aggregates, and the only place of wrapped keys: events hold none, so that a key which is
-- destroyed is destroyed by one update.
CREATE TABLE keys (
  tenant            text NOT NULL,
  purpose           text COLLATE "C" NOT NULL,
  kind              text NOT NULL CHECK (kind IN ('tenant', 'data', 'index', 'signing')),
  minimum_version   integer NOT NULL,
  rotate_after_days integer NOT NULL,
  rotate_after_uses bigint NOT NULL,
  destroy_at        timestamptz,
  PRIMARY KEY (tenant, purpose)
);

CREATE TABLE key_versions (
  key_id       text COLLATE "C" PRIMARY KEY,
  tenant       text NOT NULL,
  purpose      text COLLATE "C" NOT NULL,
  version      integer NOT NULL,
  state        text NOT NULL CHECK (state IN ('active', 'decrypt-only', 'destroyed')),
  created_at   timestamptz NOT NULL,
  -- Encryptions leased out. NIST SP 800-38D §8.3 allows fewer than 2^32.
  uses_leased  bigint NOT NULL DEFAULT 0 CHECK (uses_leased >= 0 AND uses_leased < 4294967296),
  -- What a scan has found under this version, and when it began.
  remaining    bigint,
  remaining_at timestamptz,
  -- NULL, both, once destroyed.
  wrapped      text,
  wrapped_by   text,
  UNIQUE (tenant, purpose, version),
  FOREIGN KEY (tenant, purpose) REFERENCES keys,
  CHECK ((state = 'destroyed') = (wrapped IS NULL)),
  CHECK ((wrapped IS NULL) = (wrapped_by IS NULL))
);
CREATE INDEX key_versions_wrapped_by ON key_versions (tenant, wrapped_by) WHERE wrapped IS NOT NULL;

-- The last tree that was signed of each log: what does not extend it is never signed. It only moves forward.
CREATE TABLE signed_trees (
  origin     text PRIMARY KEY,
  purpose    text COLLATE "C" NOT NULL UNIQUE,
  tree_size  bigint NOT NULL DEFAULT 0 CHECK (tree_size >= 0),
  root       bytea CHECK (length(root) = 32),
  signed_at  timestamptz,
  -- Signatures ever made, and how many of them the audit knows.
  signatures bigint NOT NULL DEFAULT 0,
  reported   bigint NOT NULL DEFAULT 0
);
CREATE FUNCTION refuse_smaller_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.tree_size < OLD.tree_size OR (NEW.tree_size = OLD.tree_size AND OLD.root IS NOT NULL AND NEW.root IS DISTINCT FROM OLD.root)
  THEN RAISE EXCEPTION 'a signed tree is not taken back' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER signed_trees_grow BEFORE UPDATE ON signed_trees FOR EACH ROW EXECUTE FUNCTION refuse_smaller_tree();

-- Erasures that were ordered. Without a receipt: under way, taken up again after a crash.
CREATE TABLE erasures (
  tenant       text NOT NULL,
  digest       bytea NOT NULL CHECK (length(digest) = 32),
  subject      text NOT NULL,
  requested_at timestamptz NOT NULL,
  receipt      text,
  PRIMARY KEY (tenant, digest)
);
CREATE INDEX erasures_open ON erasures (requested_at) WHERE receipt IS NULL;

GRANT SELECT, INSERT ON keys, key_versions, signed_trees, erasures TO keys_runtime;
GRANT UPDATE ON keys, key_versions, signed_trees TO keys_runtime;
GRANT UPDATE (receipt) ON erasures TO keys_runtime;

-- Down Migration

DROP TABLE erasures, signed_trees, key_versions, keys;
DROP FUNCTION refuse_smaller_tree;
