-- Up Migration

-- A digest of a whole event, personal parts included, was under a key of the ledger's own and outlived its subjects' keys. Where parts
-- are encrypted (their bytes begin with `v2:`) it goes; these events are known again by their ids alone.
UPDATE entries SET content_digest = NULL
 WHERE length(content_digest) = 33 AND personal_parts IS NOT NULL
   AND EXISTS (SELECT FROM unnest(personal_parts) AS p(part) WHERE substring(part FROM 1 FOR 3) = 'v2:'::bytea);

-- Down Migration
