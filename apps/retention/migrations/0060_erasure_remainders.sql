-- Up Migration

-- What a certificate is to say, as it was when all of it was done: signed again after a crash it is the same one.
ALTER TABLE subject_requests ADD COLUMN statement text;
-- The first request of those by which somebody is erased, where holds have kept something.
ALTER TABLE subject_requests ADD COLUMN continues text COLLATE "C" REFERENCES subject_requests;
CREATE INDEX subject_requests_continuing ON subject_requests (continues) WHERE continues IS NOT NULL;

-- What an erasure has left, or does not begin, because of holds: kinds, and keys that are needed to read them.
CREATE TABLE erasure_remainders (
  request_id text COLLATE "C" PRIMARY KEY REFERENCES subject_requests,
  kinds      jsonb NOT NULL,
  keys       jsonb NOT NULL,
  -- When it is looked at again whether holds still stand against all of it.
  next_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX erasure_remainders_next ON erasure_remainders (next_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON erasure_remainders TO retention_runtime;

-- Down Migration

DROP TABLE erasure_remainders;
DROP INDEX subject_requests_continuing;
ALTER TABLE subject_requests DROP COLUMN continues, DROP COLUMN statement;
