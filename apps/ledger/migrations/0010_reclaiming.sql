-- Up Migration

-- Space of what was destroyed goes back to the file system: VACUUM, and rows at the end of the table written anew into free space nearer its beginning
-- (docs/adr/0037-space-comes-back-in-small-steps.md). What the eraser may write of an entry stays what it was.
GRANT MAINTAIN, SELECT (ctid) ON entries TO ledger_eraser;

-- Down Migration

REVOKE MAINTAIN, SELECT (ctid) ON entries FROM ledger_eraser;
