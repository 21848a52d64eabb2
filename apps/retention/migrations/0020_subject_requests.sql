-- Up Migration

-- Requests of data subjects as they are now. What somebody wrote lies in their events, under his key.
CREATE TABLE subject_requests (
  request_id      text COLLATE "C" PRIMARY KEY,
  tenant          text NOT NULL,
  subject         text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('export', 'correct', 'delete', 'restrict')),
  law             text NOT NULL CHECK (law IN ('gdpr', 'ccpa')),
  state           text NOT NULL CHECK (state IN ('unverified', 'working', 'waiting', 'held', 'ready', 'completed', 'refused', 'withdrawn')),
  received_at     timestamptz NOT NULL,
  -- First instants that are too late.
  due_at          timestamptz NOT NULL,
  extended_due_at timestamptz,
  is_extended     boolean NOT NULL DEFAULT false,
  closed_at       timestamptz,
  reason          text,
  kept            jsonb,
  certificate     text,
  vkey            text,
  -- How many of the alerts before it is due have been given.
  alerts          integer NOT NULL DEFAULT 0,
  -- Whoever works on it has it until then; a failure is tried again then.
  next_at         timestamptz NOT NULL DEFAULT now(),
  tries           integer NOT NULL DEFAULT 0,
  CHECK ((closed_at IS NOT NULL) = (state IN ('completed', 'refused', 'withdrawn')))
);
-- The same asked again while it is open is the same request.
CREATE UNIQUE INDEX subject_requests_one ON subject_requests (tenant, subject, kind) WHERE closed_at IS NULL;
CREATE INDEX subject_requests_work ON subject_requests (next_at) WHERE state = 'working';
CREATE INDEX subject_requests_of ON subject_requests (tenant, subject, received_at);

-- Encrypted files in the store. The key lies under that of the subject: when that is destroyed nobody reads the file, wherever a copy lies.
CREATE TABLE files (
  file_id    text COLLATE "C" PRIMARY KEY,
  request_id text COLLATE "C" NOT NULL REFERENCES subject_requests,
  tenant     text NOT NULL,
  subject    text NOT NULL,
  sealed_key text NOT NULL,
  bytes      bigint NOT NULL CHECK (bytes >= 0),
  digest     text NOT NULL,
  until      timestamptz NOT NULL
);
CREATE INDEX files_until ON files (until);

-- Whose data is kept and not used (Regulation (EU) 2016/679, Article 18).
CREATE TABLE restrictions (
  tenant     text NOT NULL,
  subject    text NOT NULL,
  request_id text COLLATE "C" NOT NULL REFERENCES subject_requests,
  since      timestamptz NOT NULL,
  PRIMARY KEY (tenant, subject)
);

GRANT SELECT, INSERT, UPDATE ON subject_requests TO retention_runtime;
GRANT SELECT, INSERT, DELETE ON files, restrictions TO retention_runtime;

-- Down Migration

DROP TABLE restrictions, files, subject_requests;
