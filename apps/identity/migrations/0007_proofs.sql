-- Up Migration

-- Keys of a person rest from when somebody else took his second factors, or a mailed link set his password, until he has signed in.
ALTER TABLE users ADD COLUMN api_keys_rest boolean NOT NULL DEFAULT false;

-- A code that was used stays known: when it comes again it is in a second pair of hands.
ALTER TABLE backup_codes ADD COLUMN used_at timestamptz;
GRANT UPDATE (used_at) ON backup_codes TO identity_runtime;

-- Passwords of which nobody could say yet whether they were stolen.
CREATE INDEX users_leak_unchecked ON users (user_id) WHERE leak_checked_at IS NULL;

-- Under which id a command was carried out, whatever ledger it is recorded in.
CREATE INDEX event_commands_by_id ON event_commands (command_id);

-- Down Migration

DROP INDEX event_commands_by_id, users_leak_unchecked;
ALTER TABLE backup_codes DROP COLUMN used_at;
ALTER TABLE users DROP COLUMN api_keys_rest;
