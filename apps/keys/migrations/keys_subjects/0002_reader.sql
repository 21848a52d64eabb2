-- Up Migration

-- What runbooks ask. Whoever is on call reads it and changes nothing.
GRANT USAGE ON SCHEMA public TO keys_reader;
GRANT SELECT ON epoch, schema_migrations TO keys_reader;

-- Down Migration

REVOKE ALL ON epoch, schema_migrations FROM keys_reader;
REVOKE USAGE ON SCHEMA public FROM keys_reader;
