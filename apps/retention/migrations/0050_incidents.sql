-- Up Migration

-- Security incidents as they are now. Read tables of the streams `incident/<id>`.
CREATE TABLE incidents (
  incident_id   text COLLATE "C" PRIMARY KEY,
  kind          text NOT NULL,
  severity      text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
  summary       text NOT NULL,
  source        jsonb NOT NULL,
  detected_at   timestamptz NOT NULL,
  -- From when the clocks run.
  aware_at      timestamptz NOT NULL,
  assessment    jsonb NOT NULL,
  opened_at     timestamptz NOT NULL,
  closed_at     timestamptz,
  -- Of alerts and verdicts: what is said of the same belongs to the incident that is open.
  key           text,
  subjects      bigint NOT NULL DEFAULT 0 CHECK (subjects >= 0)
);
CREATE UNIQUE INDEX incidents_one ON incidents (key) WHERE closed_at IS NULL;
CREATE INDEX incidents_open ON incidents (incident_id) WHERE closed_at IS NULL;

CREATE TABLE incident_stages (
  incident_id text COLLATE "C" NOT NULL REFERENCES incidents,
  stage       text NOT NULL,
  state       text NOT NULL CHECK (state IN ('open', 'done', 'waived', 'not-owed')),
  because     text NOT NULL,
  -- The first instant that is too late.
  due_at      timestamptz NOT NULL,
  settled_at  timestamptz,
  is_late     boolean NOT NULL DEFAULT false,
  sent_to     text,
  reference   text,
  reason      text,
  version     integer,
  -- How many of the alerts before it is due have been given.
  alerts      integer NOT NULL DEFAULT 0,
  PRIMARY KEY (incident_id, stage)
);
CREATE INDEX incident_stages_due ON incident_stages (due_at) WHERE state = 'open';

CREATE TABLE incident_tenants (
  incident_id text COLLATE "C" NOT NULL REFERENCES incidents,
  tenant      text COLLATE "C" NOT NULL,
  since       timestamptz NOT NULL,
  subjects    bigint NOT NULL DEFAULT 0 CHECK (subjects >= 0),
  PRIMARY KEY (incident_id, tenant)
);
CREATE INDEX incident_tenants_of ON incident_tenants (tenant, incident_id);

-- Opaque ids of the persons whom it affects. Their ledger has counts and digests, and never this list.
CREATE TABLE incident_subjects (
  incident_id text COLLATE "C" NOT NULL,
  tenant      text COLLATE "C" NOT NULL,
  subject     text COLLATE "C" NOT NULL,
  PRIMARY KEY (incident_id, tenant, subject),
  FOREIGN KEY (incident_id, tenant) REFERENCES incident_tenants ON DELETE CASCADE
);

-- An alert that came again is the same alert.
CREATE TABLE incident_alerts (
  fingerprint text COLLATE "C" NOT NULL,
  starts_at   timestamptz NOT NULL,
  incident_id text COLLATE "C" NOT NULL REFERENCES incidents,
  name        text NOT NULL,
  resolved_at timestamptz,
  PRIMARY KEY (fingerprint, starts_at)
);
CREATE INDEX incident_alerts_of ON incident_alerts (incident_id, starts_at);

-- Every version of every notice. What somebody has worded may name persons: the ledger has its digest alone.
CREATE TABLE incident_drafts (
  incident_id text COLLATE "C" NOT NULL REFERENCES incidents,
  stage       text NOT NULL,
  version     integer NOT NULL CHECK (version > 0),
  tenant      text,
  text        text NOT NULL,
  digest      text NOT NULL,
  open_places integer NOT NULL,
  made_by     text NOT NULL,
  made_at     timestamptz NOT NULL,
  PRIMARY KEY (incident_id, stage, version)
);

-- What ledgers of affected organisations are still to be told, in the order in which it happened. Gone when their events are stored.
CREATE TABLE incident_news (
  news_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident_id text COLLATE "C" NOT NULL,
  tenant      text NOT NULL,
  -- Version of the incident's stream that it follows from.
  version     bigint NOT NULL,
  type        text NOT NULL,
  severity    text NOT NULL,
  data        jsonb NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON incidents, incident_stages, incident_alerts TO retention_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON incident_tenants TO retention_runtime;
GRANT SELECT, INSERT, DELETE ON incident_subjects, incident_news TO retention_runtime;
GRANT SELECT, INSERT ON incident_drafts TO retention_runtime;

-- Down Migration

DROP TABLE incident_news, incident_drafts, incident_alerts, incident_subjects, incident_tenants, incident_stages, incidents;
