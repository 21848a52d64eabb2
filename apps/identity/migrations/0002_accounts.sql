-- Up Migration

-- Read tables of users and sessions, and the only place of what proves who somebody is: events hold none of it.
-- Names and addresses lie under the key of their subject; an address is found by its blind index.
CREATE TABLE users (
  user_id      text COLLATE "C" PRIMARY KEY,
  state        text NOT NULL CHECK (state IN ('active', 'disabled')),
  -- Organisation that keeps the account.
  organization text,
  email_index  text NOT NULL UNIQUE,
  email        text NOT NULL,
  name         text NOT NULL,
  created_at   timestamptz NOT NULL,
  -- PHC string.
  password     text NOT NULL,
  password_at  timestamptz NOT NULL,
  totp_state   text NOT NULL DEFAULT 'none' CHECK (totp_state IN ('none', 'pending', 'enrolled')),
  -- Secret of the authenticator, encrypted, and the last step of which a code was accepted: none is accepted twice (RFC 6238 §5.2).
  totp         text,
  totp_step    bigint NOT NULL DEFAULT -1,
  -- Counts whatever changes what the user may do. Who writes in his name holds it as it was when he was authorised.
  access       bigint NOT NULL DEFAULT 0,
  CHECK ((totp_state = 'none') = (totp IS NULL))
);

CREATE TABLE user_roles (
  user_id      text COLLATE "C" NOT NULL REFERENCES users,
  -- Empty: on the platform.
  organization text NOT NULL DEFAULT '',
  role         text NOT NULL,
  PRIMARY KEY (user_id, organization, role)
);
CREATE INDEX user_roles_of ON user_roles (organization, role);

-- Earlier passwords, so that none of the last is used again.
CREATE TABLE user_passwords (
  user_id  text COLLATE "C" NOT NULL REFERENCES users,
  set_at   timestamptz NOT NULL,
  password text NOT NULL,
  PRIMARY KEY (user_id, set_at)
);

CREATE TABLE backup_codes (
  user_id text COLLATE "C" NOT NULL REFERENCES users,
  code_id text COLLATE "C" NOT NULL,
  hash    text NOT NULL,
  PRIMARY KEY (user_id, code_id)
);

CREATE TABLE sessions (
  session_id   text COLLATE "C" PRIMARY KEY,
  -- SHA-256 of the token: who reads this table gets into no session.
  token_hash   text COLLATE "C" NOT NULL UNIQUE CHECK (length(token_hash) = 43),
  user_id      text COLLATE "C" NOT NULL REFERENCES users,
  organization text,
  started_at   timestamptz NOT NULL,
  seen_at      timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,
  assurance    text NOT NULL CHECK (assurance IN ('password', 'mfa')),
  assurance_at timestamptz NOT NULL,
  -- Of the sign-in, under the user's key; NULL when that was destroyed already.
  origin       text,
  ended_at     timestamptz
);
CREATE INDEX sessions_of_user ON sessions (user_id) WHERE ended_at IS NULL;

-- Sign-ins that wait for a second factor.
CREATE TABLE challenges (
  token_hash text COLLATE "C" PRIMARY KEY CHECK (length(token_hash) = 43),
  user_id    text COLLATE "C" NOT NULL REFERENCES users,
  expires_at timestamptz NOT NULL,
  tries_left integer NOT NULL CHECK (tries_left >= 0)
);

-- Devices that have signed in: strangers' failures do not lock them out.
CREATE TABLE devices (
  token_hash text COLLATE "C" NOT NULL CHECK (length(token_hash) = 43),
  user_id    text COLLATE "C" NOT NULL REFERENCES users,
  known_at   timestamptz NOT NULL,
  PRIMARY KEY (token_hash, user_id)
);
CREATE INDEX devices_of_user ON devices (user_id, known_at);

-- Edges that may trust their caches. A fenced lease is never renewed.
CREATE TABLE edge_leases (
  edge_id   text COLLATE "C" NOT NULL,
  lease     text COLLATE "C" PRIMARY KEY,
  is_fenced boolean NOT NULL DEFAULT false
);

GRANT SELECT, INSERT ON users, user_roles, user_passwords, backup_codes, sessions, challenges, devices, edge_leases TO identity_runtime;
GRANT UPDATE ON users, user_passwords, sessions, challenges, devices, edge_leases TO identity_runtime;
GRANT DELETE ON user_roles, user_passwords, backup_codes, challenges, devices, edge_leases TO identity_runtime;

-- For rotation, as libs/rotation makes it; a test holds the two alike.
CREATE INDEX users_totp_key_id ON users ((split_part(left(totp, 68), ':', 2) COLLATE "C"), user_id);
GRANT SELECT (user_id, totp), UPDATE (totp) ON users TO identity_runtime;

-- Down Migration

DROP TABLE edge_leases, devices, challenges, sessions, backup_codes, user_passwords, user_roles, users;
