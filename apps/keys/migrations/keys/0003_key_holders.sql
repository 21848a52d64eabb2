-- Up Migration

-- Who may hold something under a version: whoever was handed it to encrypt. None of them is forgotten when it is to be
-- destroyed: each must have shown, by a scan, that nothing of his is left.
CREATE TABLE key_holders (
  service    text NOT NULL,
  key_id     text COLLATE "C" NOT NULL REFERENCES key_versions,
  -- What his last scan has found, and when it began.
  remaining  bigint CHECK (remaining >= 0),
  scanned_at timestamptz,
  PRIMARY KEY (service, key_id),
  CHECK ((remaining IS NULL) = (scanned_at IS NULL))
);
CREATE INDEX key_holders_key_id ON key_holders (key_id);
CREATE INDEX key_versions_decrypt_only ON key_versions (key_id) WHERE state = 'decrypt-only';

-- Of what was handed out before, the events tell.
INSERT INTO key_holders (service, key_id)
SELECT DISTINCT event::jsonb -> 'actor' ->> 'id', v.key_id FROM events
JOIN key_versions AS v ON v.key_id = coalesce(event::jsonb -> 'data' ->> 'wrappedBy', event::jsonb -> 'data' ->> 'keyId')
WHERE type IN ('keys.data-key.leased', 'keys.index-key.leased', 'keys.wrapped-key.created', 'keys.wrapped-key.rewrapped');

GRANT SELECT, INSERT, UPDATE (remaining, scanned_at) ON key_holders TO keys_runtime;

-- Down Migration

DROP INDEX key_versions_decrypt_only;
DROP TABLE key_holders;
