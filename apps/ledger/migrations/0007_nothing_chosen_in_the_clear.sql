-- Up Migration

-- Beside a sealed body nothing lies readable that its sender could have chosen freely: ids that are none, names of unknown fields, tokens of
-- subjects that name no ledger. All of it but the subject is in the sealed body.
ALTER TABLE quarantine DISABLE TRIGGER quarantine_sealed_once;
UPDATE quarantine SET event_id = NULL WHERE event_id !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
UPDATE quarantine SET
  field = coalesce(substring(field FROM '^((?:actor|resource|producer|personal\[\d{1,2}\])\.)'), '') || '*',
  message = coalesce(substring(field FROM '^(actor|resource|producer|personal\[\d{1,2}\])\.'), 'the event') || ' has a field that events do not have; its name is in the sealed body'
  WHERE code = 'EVENT_FIELD_UNKNOWN';
-- The row's number keeps apart what was kept twice under two subjects.
UPDATE quarantine SET subject = 'intake.' || coalesce(substring(subject FROM '^intake\.([a-z0-9][a-z0-9-]{0,62})(?:\.|$)'), '*') || '.*.' || quarantine_id
  WHERE code = 'SUBJECT_INVALID' AND subject !~ '^intake\.[a-z0-9][a-z0-9-]{0,62}$';
ALTER TABLE quarantine ENABLE TRIGGER quarantine_sealed_once;

-- Down Migration

-- What was taken out is not known any more.
SELECT;
