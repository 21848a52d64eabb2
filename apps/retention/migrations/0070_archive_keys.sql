-- Up Migration

-- By which key the archive is certified; null: one that was made before archives were.
ALTER TABLE files ADD COLUMN vkey text;

-- Down Migration

ALTER TABLE files DROP COLUMN vkey;
