-- Up Migration

-- What runbooks ask. Whoever is on call reads it and changes nothing.
GRANT USAGE ON SCHEMA public TO retention_reader;
GRANT SELECT (tenant, stream, version, event_id, type, occurred_at) ON events TO retention_reader;
GRANT SELECT ON event_relay, event_producer, schema_migrations TO retention_reader;

-- Down Migration

REVOKE ALL ON events, event_relay, event_producer, schema_migrations FROM retention_reader;
REVOKE USAGE ON SCHEMA public FROM retention_reader;
