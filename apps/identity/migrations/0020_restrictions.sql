-- Up Migration

-- Whose data is kept and not used, as retention has told it last: it holds while retention is away. `lifts_at`: until then, as was announced.
CREATE TABLE restrictions_known (
  user_id  text COLLATE "C" PRIMARY KEY,
  lifts_at timestamptz,
  -- When the look began that has found it last; what a whole look has not found is over.
  seen_at  timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON restrictions_known TO identity_runtime;

-- Down Migration

DROP TABLE restrictions_known;
