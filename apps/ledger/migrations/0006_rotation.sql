-- Up Migration

-- Bodies under older versions of their keys are found by the key id, and sealed anew by a role that does nothing else. The index is that of
-- libs/rotation (rotationMigrationSql). Nobody logs in as the role: the service takes it on for connections that do this alone. What it could put in a
-- body's place opens only if it was sealed for that row.
CREATE INDEX quarantine_sealed_body_key_id ON quarantine ((split_part(left(sealed_body[1], 68), ':', 2) COLLATE "C"), quarantine_id);
CREATE INDEX parked_messages_sealed_body_key_id ON parked_messages ((split_part(left(sealed_body[1], 68), ':', 2) COLLATE "C"), parked_id);
GRANT USAGE ON SCHEMA public TO ledger_rotation;
GRANT SELECT (quarantine_id, body_digest, is_masked, sealed_body), UPDATE (sealed_body) ON quarantine TO ledger_rotation;
GRANT SELECT (parked_id, body_digest, is_masked, sealed_body), UPDATE (sealed_body) ON parked_messages TO ledger_rotation;

CREATE OR REPLACE FUNCTION refuse_body_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'ledger_rotation' AND cardinality(NEW.sealed_body) = cardinality(OLD.sealed_body) THEN RETURN NEW;
  END IF;
  IF OLD.body IS NULL OR NEW.body IS NOT NULL
  THEN RAISE EXCEPTION 'a kept body may be sealed once, nothing else' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;

-- Down Migration

DROP INDEX quarantine_sealed_body_key_id, parked_messages_sealed_body_key_id;
REVOKE ALL ON quarantine, parked_messages FROM ledger_rotation;
REVOKE USAGE ON SCHEMA public FROM ledger_rotation;
