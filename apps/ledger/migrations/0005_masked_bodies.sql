-- Up Migration

-- True where the personal parts in a body are sealed under their subjects' keys, within what the tenant's key seals.
ALTER TABLE quarantine ADD COLUMN is_masked boolean NOT NULL DEFAULT false;
ALTER TABLE parked_messages ADD COLUMN is_masked boolean NOT NULL DEFAULT false;

-- Down Migration

ALTER TABLE quarantine DROP COLUMN is_masked;
ALTER TABLE parked_messages DROP COLUMN is_masked;
