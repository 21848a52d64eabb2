-- Up Migration

-- Producers send until they have their receipt, and a stopped ledger gives none: the same message is parked once.
ALTER TABLE parked_messages
  ADD COLUMN body_digest bytea GENERATED ALWAYS AS (sha256(body)) STORED,
  ADD CONSTRAINT parked_messages_once UNIQUE (ledger_id, body_digest, subject);

-- Down Migration

ALTER TABLE parked_messages DROP CONSTRAINT parked_messages_once, DROP COLUMN body_digest;
