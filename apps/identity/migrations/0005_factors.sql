-- Up Migration

-- Passkeys. The key is public and is about a device; its name is what its owner calls it, and lies under his key.
CREATE TABLE passkeys (
  passkey_id    text COLLATE "C" PRIMARY KEY,
  user_id       text COLLATE "C" NOT NULL REFERENCES users,
  -- As the authenticator names it, base64url.
  credential_id text COLLATE "C" NOT NULL UNIQUE,
  -- COSE_Key (RFC 9052 §7).
  public_key    bytea NOT NULL,
  -- Of the last signature that was accepted; stays 0 where the authenticator counts nothing.
  counter       bigint NOT NULL CHECK (counter >= 0),
  transports    text[] NOT NULL,
  is_synced     boolean NOT NULL,
  name          text,
  created_at    timestamptz NOT NULL,
  used_at       timestamptz
);
CREATE INDEX passkeys_of_user ON passkeys (user_id);

-- Challenges that wait for their answer, by their SHA-256. Taken out before the answer is looked at: each is good for one.
CREATE TABLE passkey_challenges (
  challenge_hash text COLLATE "C" PRIMARY KEY CHECK (length(challenge_hash) = 43),
  purpose        text NOT NULL CHECK (purpose IN ('enrol', 'sign-in', 'second-factor', 'step-up')),
  -- Of 'sign-in' nobody's: who answers it says who he is.
  user_id        text COLLATE "C" REFERENCES users,
  expires_at     timestamptz NOT NULL,
  CHECK ((purpose = 'sign-in') = (user_id IS NULL))
);
CREATE INDEX passkey_challenges_of_user ON passkey_challenges (user_id, expires_at);
CREATE INDEX passkey_challenges_expire ON passkey_challenges (expires_at);

-- A password that was found in a list of stolen ones, or is older than it may be: whoever signs in changes it first.
ALTER TABLE users ADD COLUMN password_due text CHECK (password_due IN ('leaked', 'age'));
-- When the password was last looked up in lists of stolen ones; NULL: never, or nobody could be asked.
ALTER TABLE users ADD COLUMN leak_checked_at timestamptz;
ALTER TABLE users ADD COLUMN locale text;

-- Links that are good once, by the SHA-256 of their token.
CREATE TABLE one_time_links (
  token_hash  text COLLATE "C" PRIMARY KEY CHECK (length(token_hash) = 43),
  purpose     text NOT NULL CHECK (purpose IN ('setup', 'password-reset', 'email-change')),
  user_id     text COLLATE "C" REFERENCES users,
  expires_at  timestamptz NOT NULL,
  -- The address that is to become the user's: under his key, and its blind index.
  email       text,
  email_index text,
  CHECK ((purpose = 'setup') = (user_id IS NULL)),
  CHECK ((purpose = 'email-change') = (email_index IS NOT NULL)),
  CHECK ((email IS NULL) = (email_index IS NULL))
);
-- A new one voids the one before.
CREATE UNIQUE INDEX one_time_links_one ON one_time_links (purpose, (coalesce(user_id, '')));

GRANT SELECT, INSERT, UPDATE, DELETE ON one_time_links TO identity_runtime;
GRANT SELECT, INSERT, DELETE ON passkeys, passkey_challenges TO identity_runtime;
GRANT UPDATE (counter, name, used_at, is_synced) ON passkeys TO identity_runtime;

-- Down Migration

DROP TABLE one_time_links, passkey_challenges, passkeys;
ALTER TABLE users DROP COLUMN password_due, DROP COLUMN leak_checked_at, DROP COLUMN locale;
