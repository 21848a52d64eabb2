-- Up Migration

-- In which ledger an account, or a key, is recorded: that of its organisation. NULL: the installation's, where those lie that were made before; a stream does not move.
ALTER TABLE service_accounts ADD COLUMN ledger text;
ALTER TABLE api_keys ADD COLUMN ledger text;

-- Down Migration

ALTER TABLE api_keys DROP COLUMN ledger;
ALTER TABLE service_accounts DROP COLUMN ledger;
