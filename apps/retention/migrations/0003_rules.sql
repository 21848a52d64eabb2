-- Up Migration

ALTER TABLE policies
  ADD COLUMN rule jsonb NOT NULL,
  ADD COLUMN set_by text NOT NULL,
  ADD COLUMN approved_by text;

-- Changes that may have something destroyed sooner, until a second person agrees. Read table of the policy sets.
CREATE TABLE policy_proposals (
  organization text NOT NULL,
  proposal_id text NOT NULL,
  policy_id text NOT NULL,
  -- NULL: the policy is to be removed.
  rule jsonb,
  reason text NOT NULL,
  proposed_by text NOT NULL,
  proposed_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (organization, proposal_id)
);
GRANT SELECT, INSERT, DELETE ON policy_proposals TO retention_runtime;

-- Legal holds, released ones too. Read table of the streams `hold/<id>`; what is on record of a hold is never changed but by its release.
CREATE TABLE holds (
  hold_id text COLLATE "C" PRIMARY KEY,
  organization text NOT NULL,
  matter text NOT NULL,
  scope jsonb NOT NULL,
  custodian text,
  reason text NOT NULL,
  placed_by text NOT NULL,
  placed_at timestamptz NOT NULL,
  release_asked_by text,
  release_asked_at timestamptz,
  released_by text,
  released_at timestamptz,
  CHECK (released_by IS NULL OR released_by <> release_asked_by),
  CHECK ((released_by IS NULL) = (released_at IS NULL)),
  CHECK (released_at IS NULL OR release_asked_at IS NOT NULL)
);
CREATE INDEX holds_of ON holds (organization, hold_id);
CREATE INDEX holds_released ON holds (released_at);
GRANT SELECT, INSERT ON holds TO retention_runtime;
GRANT UPDATE (release_asked_by, release_asked_at, released_by, released_at) ON holds TO retention_runtime;

-- Down Migration

DROP TABLE holds, policy_proposals;
ALTER TABLE policies DROP COLUMN rule, DROP COLUMN set_by, DROP COLUMN approved_by;
