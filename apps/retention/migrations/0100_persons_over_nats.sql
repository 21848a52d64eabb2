-- Up Migration

-- Whether the service that holds the type is asked about persons (docs/spec/holders.md, "Persons").
ALTER TABLE resource_types ADD COLUMN answers_persons boolean NOT NULL DEFAULT false;

-- Down Migration

ALTER TABLE resource_types DROP COLUMN answers_persons;
