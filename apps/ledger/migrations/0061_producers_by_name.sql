-- Up Migration

-- A producer numbers through all ledgers that it writes in: what is missing in one is looked for in the others.
CREATE INDEX producers_by_name ON producers (source, producer_id);

-- Down Migration

DROP INDEX producers_by_name;
