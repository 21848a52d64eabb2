-- Up Migration

-- The event store, as libs/event-store makes it (eventStoreMigrationSql); a test holds the two alike.

-- One row a ledger event; inserted, and never touched again.
CREATE TABLE public.events (
  tenant text NOT NULL,
  stream text NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  event_id uuid NOT NULL,
  type text NOT NULL CHECK (starts_with(type, 'retention.')),
  occurred_at timestamptz NOT NULL,
  -- Canonical JSON without the personal parts.
  event text NOT NULL,
  -- [{"subject", "sealed"}] or [{"subject", "erased": true}]; never in clear.
  personal jsonb,
  CONSTRAINT events_stream_version PRIMARY KEY (tenant, stream, version)
);
-- What the ledger is to be told and what it answered. The relay numbers the rows; number and receipt are set once.
CREATE TABLE public.event_relay (
  event_id uuid PRIMARY KEY,
  added bigint GENERATED ALWAYS AS IDENTITY,
  appended_at timestamptz NOT NULL DEFAULT now(),
  -- The order of sending, and the producer's number that the ledger is given.
  position bigint,
  producer_id text,
  sequence bigint,
  ledger_index bigint,
  event_hash text,
  recorded_at text,
  refused_code text,
  refused_field text,
  refused_message text,
  CHECK (num_nulls(position, producer_id, sequence) IN (0, 3)),
  CHECK (num_nulls(ledger_index, event_hash, recorded_at) IN (0, 3))
);
CREATE INDEX event_relay_unreceipted ON public.event_relay (position, added) WHERE ledger_index IS NULL;
-- The database itself says that every event is sent: none can be committed without its row for the relay.
ALTER TABLE public.events ADD CONSTRAINT events_are_relayed UNIQUE (event_id),
  ADD FOREIGN KEY (event_id) REFERENCES public.event_relay (event_id) DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE public.event_commands (
  tenant text NOT NULL,
  command_id text NOT NULL,
  stream text NOT NULL,
  -- Version of the stream afterwards, and how many of its last events are the command's.
  version bigint NOT NULL,
  events integer NOT NULL,
  PRIMARY KEY (tenant, command_id)
);
-- One row, locked by whoever numbers: no number is left out and none is used twice.
CREATE TABLE public.event_producer (
  source text PRIMARY KEY,
  producer_id text NOT NULL,
  position bigint NOT NULL,
  -- Highest number given out under the producer id.
  sequence bigint NOT NULL
);
INSERT INTO public.event_producer VALUES ('retention', 'retention-' || left(replace(gen_random_uuid()::text, '-', ''), 16), 0, 0);

CREATE FUNCTION public.event_relay_set_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.event_id, NEW.added, NEW.appended_at) IS DISTINCT FROM (OLD.event_id, OLD.added, OLD.appended_at)
     OR (OLD.position IS NOT NULL AND (NEW.position, NEW.producer_id, NEW.sequence)
       IS DISTINCT FROM (OLD.position, OLD.producer_id, OLD.sequence))
     OR (OLD.ledger_index IS NOT NULL AND (NEW.ledger_index, NEW.event_hash, NEW.recorded_at)
       IS DISTINCT FROM (OLD.ledger_index, OLD.event_hash, OLD.recorded_at))
  THEN RAISE EXCEPTION 'an event keeps its number and its receipt' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER event_relay_set_once BEFORE UPDATE ON public.event_relay FOR EACH ROW EXECUTE FUNCTION public.event_relay_set_once();

GRANT USAGE ON SCHEMA public TO retention_runtime;
GRANT SELECT, INSERT ON public.events, public.event_relay, public.event_commands TO retention_runtime;
GRANT UPDATE (position, producer_id, sequence, ledger_index, event_hash, recorded_at, refused_code, refused_field, refused_message) ON public.event_relay TO retention_runtime;
GRANT SELECT, UPDATE (position, sequence) ON public.event_producer TO retention_runtime;

-- Down Migration

DROP TABLE events, event_relay, event_commands, event_producer;
DROP FUNCTION event_relay_set_once;
