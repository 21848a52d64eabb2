-- Up Migration

-- Telephones to which codes are sent, where the operator has switched that on. The number lies under its owner's key.
CREATE TABLE phones (
  user_id    text COLLATE "C" PRIMARY KEY REFERENCES users,
  state      text NOT NULL CHECK (state IN ('pending', 'enrolled')),
  number     text NOT NULL,
  -- By it messages to one number are counted, whoever asks for them.
  number_index text NOT NULL
);

-- The one code that is good: a new one voids the one before. Under the pepper: six digits would be guessed from a bare hash.
CREATE TABLE sms_codes (
  user_id    text COLLATE "C" NOT NULL REFERENCES users,
  purpose    text NOT NULL CHECK (purpose IN ('enrol', 'sign-in')),
  code_mac   text NOT NULL CHECK (length(code_mac) = 43),
  expires_at timestamptz NOT NULL,
  tries_left integer NOT NULL CHECK (tries_left >= 0),
  PRIMARY KEY (user_id, purpose)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON phones, sms_codes TO identity_runtime;

-- Down Migration

DROP TABLE sms_codes, phones;
