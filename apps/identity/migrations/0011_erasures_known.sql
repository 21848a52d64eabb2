-- Up Migration

-- Up to which place of retention's list of erasures this database knows them. It goes back with the database, and so is told what is missing.
CREATE TABLE erasures_known (
  one   boolean PRIMARY KEY DEFAULT true CHECK (one),
  place bigint NOT NULL CHECK (place >= 0)
);
GRANT SELECT, INSERT, UPDATE ON erasures_known TO identity_runtime;

-- It had been forgotten and was done again: until retention has been told, the keys that are named may still be there.
ALTER TABLE subject_scrubs ADD COLUMN is_untold boolean NOT NULL DEFAULT false;
CREATE INDEX subject_scrubs_untold ON subject_scrubs (request_id) WHERE is_untold;
GRANT UPDATE (is_untold) ON subject_scrubs TO identity_runtime;

-- Down Migration

ALTER TABLE subject_scrubs DROP COLUMN is_untold;
DROP TABLE erasures_known;
