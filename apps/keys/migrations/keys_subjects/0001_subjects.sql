-- Up Migration

-- Which epoch key new rows are wrapped under. The epoch keys themselves lie outside the database and its snapshots.
CREATE TABLE epoch (
  only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  current   integer NOT NULL CHECK (current >= 0),
  rolled_at timestamptz NOT NULL
);
INSERT INTO epoch (current, rolled_at) VALUES (0, now());

-- One row a subject, for ever: one that was erased keeps its digest and loses its key, so that the same row decides
-- between whoever makes a key and whoever erases it.
CREATE TABLE subject_keys (
  tenant     text NOT NULL,
  -- HMAC-SHA-256 of the subject: this store does not say whose keys it holds.
  digest     bytea NOT NULL CHECK (length(digest) = 32),
  key_id     text COLLATE "C" NOT NULL,
  -- Under the epoch key: (under the tenant key: the key). NULL, all three, once erased.
  wrapped    text,
  wrapped_by text COLLATE "C",
  epoch      integer,
  -- Leases for encryption handed out.
  leases     integer NOT NULL DEFAULT 0,
  erased_at  timestamptz,
  PRIMARY KEY (tenant, digest),
  CONSTRAINT subject_keys_key_id UNIQUE (key_id),
  CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL) AND (wrapped IS NULL) = (wrapped_by IS NULL) AND (wrapped IS NULL) = (epoch IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX subject_keys_epoch ON subject_keys (epoch, tenant, digest) WHERE epoch IS NOT NULL;
CREATE INDEX subject_keys_wrapped_by ON subject_keys (tenant, wrapped_by, digest) WHERE wrapped_by IS NOT NULL;

-- An erasure is for ever.
CREATE FUNCTION refuse_resurrection() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.erased_at IS NOT NULL AND (NEW.wrapped IS NOT NULL OR NEW.erased_at IS DISTINCT FROM OLD.erased_at)
  THEN RAISE EXCEPTION 'an erased subject stays erased' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER subject_keys_stay_erased BEFORE UPDATE ON subject_keys FOR EACH ROW EXECUTE FUNCTION refuse_resurrection();

GRANT USAGE ON SCHEMA public TO keys_runtime;
GRANT SELECT, INSERT, UPDATE ON subject_keys TO keys_runtime;
GRANT SELECT, UPDATE ON epoch TO keys_runtime;

-- Down Migration

DROP TABLE subject_keys, epoch;
DROP FUNCTION refuse_resurrection;
