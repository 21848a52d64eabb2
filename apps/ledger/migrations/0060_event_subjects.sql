-- Up Migration

-- Under whose keys an entry has parts: an export or erasure of one person finds the entries without reading all. Ids are opaque, as entries have
-- them. Kept up by the indexer; it can be dropped and built again.
CREATE TABLE event_subjects (
  ledger_id  integer NOT NULL,
  subject    text COLLATE "C" NOT NULL,
  leaf_index bigint NOT NULL,
  PRIMARY KEY (ledger_id, subject, leaf_index)
);
GRANT SELECT ON event_subjects TO ledger_reader, ledger_runtime;
GRANT INSERT, DELETE ON event_subjects TO ledger_runtime;

-- The first entry whose subjects are in the index: what was indexed before this migration is read instead, until the index is built anew.
ALTER TABLE index_cursors ADD COLUMN subjects_from bigint NOT NULL DEFAULT 0;
UPDATE index_cursors SET subjects_from = indexed_size;

-- Down Migration

ALTER TABLE index_cursors DROP COLUMN subjects_from;
DROP TABLE event_subjects;
