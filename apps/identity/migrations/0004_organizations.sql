-- Up Migration

-- Organisations, who belongs to them, what their own roles grant, and the rules that hold in them.
CREATE TABLE organizations (
  organization text COLLATE "C" PRIMARY KEY CHECK (organization <> ''),
  name         text NOT NULL,
  state        text NOT NULL CHECK (state IN ('open', 'closed')),
  created_at   timestamptz NOT NULL
);

CREATE TABLE members (
  organization text COLLATE "C" NOT NULL REFERENCES organizations,
  user_id      text COLLATE "C" NOT NULL REFERENCES users,
  joined_at    timestamptz NOT NULL,
  PRIMARY KEY (organization, user_id)
);
CREATE INDEX members_of_user ON members (user_id);

CREATE TABLE custom_roles (
  organization text COLLATE "C" NOT NULL REFERENCES organizations,
  role         text NOT NULL,
  description  text NOT NULL,
  -- A set of libs/access, as text.
  permissions  text NOT NULL,
  changed_at   timestamptz NOT NULL,
  PRIMARY KEY (organization, role)
);

-- The address lies under a key of the invitation's own; the link is known by its digest alone.
CREATE TABLE invitations (
  invitation_id text COLLATE "C" PRIMARY KEY,
  organization  text COLLATE "C" NOT NULL REFERENCES organizations,
  token_hash    text COLLATE "C" NOT NULL UNIQUE CHECK (length(token_hash) = 43),
  email         text NOT NULL,
  roles         text[] NOT NULL,
  state         text NOT NULL CHECK (state IN ('pending', 'accepted', 'revoked')),
  invited_by    text NOT NULL,
  invited_at    timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL
);
CREATE INDEX invitations_of ON invitations (organization, invitation_id);

CREATE TABLE policies (
  -- Empty: of the installation.
  organization text COLLATE "C" PRIMARY KEY,
  version      bigint NOT NULL,
  policy       jsonb NOT NULL,
  changed_at   timestamptz NOT NULL
);

-- Mail that waits to be sent, committed with what it tells of. What it says, and to whom, lies under the subject's key, and goes
-- as soon as it was sent or is of no use any more.
CREATE TABLE mails (
  mail_id    text COLLATE "C" PRIMARY KEY,
  subject    text NOT NULL,
  template   text NOT NULL,
  content    text,
  state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'undelivered')),
  tries      integer NOT NULL DEFAULT 0,
  written_at timestamptz NOT NULL DEFAULT now(),
  next_at    timestamptz NOT NULL DEFAULT now(),
  -- Of no use afterwards.
  useful_ms  bigint NOT NULL,
  CHECK ((state = 'waiting') = (content IS NOT NULL))
);
CREATE INDEX mails_waiting ON mails (next_at) WHERE state = 'waiting';

GRANT SELECT, INSERT, UPDATE ON organizations, custom_roles, invitations, policies, mails TO identity_runtime;
GRANT SELECT, INSERT, DELETE ON members TO identity_runtime;
GRANT DELETE ON custom_roles, mails TO identity_runtime;

-- Down Migration

DROP TABLE mails, policies, invitations, custom_roles, members, organizations;
