-- Up Migration

-- Somebody who was erased: of the account is left that it was there, so that what others did with it keeps its meaning.
ALTER TABLE users DROP CONSTRAINT users_state_check;
ALTER TABLE users ADD CONSTRAINT users_state_check CHECK (state IN ('active', 'disabled', 'erased'));
ALTER TABLE users ALTER COLUMN email DROP NOT NULL, ALTER COLUMN name DROP NOT NULL;
ALTER TABLE users ADD CONSTRAINT users_erased CHECK (state <> 'erased' OR num_nonnulls(email, name, totp, locale) = 0);

-- By it the invitations of an address are found when its owner is erased.
ALTER TABLE invitations ADD COLUMN email_index text;
CREATE INDEX invitations_of_address ON invitations (email_index) WHERE email_index IS NOT NULL;

-- What was taken away at the request of its subject, in the transaction that did it: the same request again finds its answer here.
CREATE TABLE subject_scrubs (
  request_id text COLLATE "C" PRIMARY KEY,
  user_id    text COLLATE "C" NOT NULL,
  outcome    jsonb NOT NULL,
  done_at    timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON subject_scrubs TO identity_runtime;
GRANT DELETE ON sessions, api_keys TO identity_runtime;

-- Down Migration

DROP TABLE subject_scrubs;
ALTER TABLE invitations DROP COLUMN email_index;
ALTER TABLE users DROP CONSTRAINT users_erased;
