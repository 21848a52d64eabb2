-- Up Migration

-- What runbooks ask. Whoever is on call reads it and changes nothing.
GRANT USAGE ON SCHEMA public TO keys_reader;
GRANT SELECT (tenant, stream, version, event_id, type, occurred_at) ON events TO keys_reader;
GRANT SELECT ON event_relay, event_producer, key_holders, schema_migrations TO keys_reader;

-- Down Migration

REVOKE ALL ON events, event_relay, event_producer, key_holders, schema_migrations FROM keys_reader;
REVOKE USAGE ON SCHEMA public FROM keys_reader;
