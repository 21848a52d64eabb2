-- Up Migration

-- From when a restriction is lifted, and why; NULL: it stands. It was announced before, so nothing waits afterwards.
ALTER TABLE restrictions ADD COLUMN lifts_at timestamptz, ADD COLUMN lift_reason text, ADD CHECK ((lifts_at IS NULL) = (lift_reason IS NULL));
GRANT UPDATE (request_id, since, lifts_at, lift_reason) ON restrictions TO retention_runtime;
CREATE INDEX restrictions_of ON restrictions (request_id);

-- Orders are judged under restrictions too.
DROP TRIGGER events_move_rules ON events;
CREATE TRIGGER events_move_rules AFTER INSERT ON events FOR EACH ROW WHEN (NEW.type ~ '^retention\.(policy|policies|hold|type|restriction)[.-]') EXECUTE FUNCTION move_rules();

-- Down Migration

DROP TRIGGER events_move_rules ON events;
CREATE TRIGGER events_move_rules AFTER INSERT ON events FOR EACH ROW WHEN (NEW.type ~ '^retention\.(policy|policies|hold|type)[.-]') EXECUTE FUNCTION move_rules();
DROP INDEX restrictions_of;
REVOKE UPDATE (request_id, since, lifts_at, lift_reason) ON restrictions FROM retention_runtime;
ALTER TABLE restrictions DROP COLUMN lifts_at, DROP COLUMN lift_reason;
