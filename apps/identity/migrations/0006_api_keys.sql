-- Up Migration

-- Programs with an account of their own. What they are called is a word of the types of their events.
CREATE TABLE service_accounts (
  account_id   text COLLATE "C" PRIMARY KEY,
  -- To which it belongs; NULL: to the installation.
  organization text,
  name         text NOT NULL,
  state        text NOT NULL CHECK (state IN ('active', 'disabled')),
  created_at   timestamptz NOT NULL,
  -- Counts whatever changes what it may do, as in users.
  access       bigint NOT NULL DEFAULT 0,
  UNIQUE NULLS NOT DISTINCT (organization, name)
);

CREATE TABLE service_account_roles (
  account_id   text COLLATE "C" NOT NULL REFERENCES service_accounts,
  -- Empty: on the platform.
  organization text NOT NULL DEFAULT '',
  role         text NOT NULL,
  PRIMARY KEY (account_id, organization, role)
);

CREATE TABLE api_keys (
  key_id       text COLLATE "C" PRIMARY KEY CHECK (length(key_id) = 12),
  -- Whose it is: a person's, who made it himself, or an account's.
  user_id      text COLLATE "C" REFERENCES users CHECK (user_id = created_by),
  account_id   text COLLATE "C" REFERENCES service_accounts,
  created_by   text COLLATE "C" NOT NULL REFERENCES users,
  organization text,
  -- HMAC under a key of the key service: who reads this table can neither use a key nor recognise one.
  mac          text COLLATE "C" NOT NULL CHECK (mac ~ '^k[1-9][0-9]{0,9}:[A-Za-z0-9_-]{43}$'),
  preview      text NOT NULL,
  -- Under the key of its owner as a subject.
  name         text NOT NULL,
  -- A set of libs/access, encoded.
  permissions  text COLLATE "C" NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,
  -- Not an account of its uses: written once a minute at most.
  last_used_at timestamptz,
  revoked_at   timestamptz,
  CHECK (num_nonnulls(user_id, account_id) = 1)
);
CREATE INDEX api_keys_of_user ON api_keys (user_id) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_of_account ON api_keys (account_id) WHERE revoked_at IS NULL;

GRANT SELECT, INSERT ON service_accounts, service_account_roles, api_keys TO identity_runtime;
GRANT UPDATE (state, access) ON service_accounts TO identity_runtime;
GRANT UPDATE (last_used_at, revoked_at) ON api_keys TO identity_runtime;
GRANT DELETE ON service_account_roles TO identity_runtime;

-- Down Migration

DROP TABLE api_keys, service_account_roles, service_accounts;
