-- Up Migration

-- Bodies lie sealed; what came before is sealed by the service from its start on, row by row, and `body` is then empty for ever.
-- `body_digest` is a keyed digest (HMAC-SHA-256) where the body is sealed: nobody tests a guess against it.
ALTER TABLE quarantine
  ADD COLUMN sealed_body text[],
  ALTER COLUMN body DROP NOT NULL,
  ADD CONSTRAINT quarantine_one_body CHECK (num_nonnulls(body, sealed_body) = 1);
ALTER TABLE parked_messages ALTER COLUMN body_digest DROP EXPRESSION;
ALTER TABLE parked_messages
  ADD COLUMN sealed_body text[],
  ALTER COLUMN body DROP NOT NULL,
  ALTER COLUMN body_digest SET NOT NULL,
  ADD CONSTRAINT parked_messages_one_body CHECK (num_nonnulls(body, sealed_body) = 1);

-- Next to nothing once everything is sealed; whether anything is left is asked for ever.
CREATE INDEX quarantine_clear ON quarantine (quarantine_id) WHERE body IS NOT NULL;
CREATE INDEX parked_messages_clear ON parked_messages (parked_id) WHERE body IS NOT NULL;

-- A kept body may be sealed, never changed: not even the service puts another in its place.
CREATE FUNCTION refuse_body_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.body IS NULL OR NEW.body IS NOT NULL
  THEN RAISE EXCEPTION 'a kept body may be sealed once, nothing else' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER quarantine_sealed_once BEFORE UPDATE ON quarantine FOR EACH ROW EXECUTE FUNCTION refuse_body_rewrite();
CREATE TRIGGER parked_messages_sealed_once BEFORE UPDATE ON parked_messages FOR EACH ROW EXECUTE FUNCTION refuse_body_rewrite();
GRANT UPDATE (body, body_digest, sealed_body) ON quarantine, parked_messages TO ledger_runtime;

-- Down Migration

DROP TRIGGER quarantine_sealed_once ON quarantine;
DROP TRIGGER parked_messages_sealed_once ON parked_messages;
DROP FUNCTION refuse_body_rewrite;
