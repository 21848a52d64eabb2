-- Up Migration

-- Of the trace that the event belongs to, where that is recorded (W3C Trace Context); null else.
ALTER TABLE public.event_relay ADD COLUMN traceparent text CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-01$');

-- Down Migration

ALTER TABLE public.event_relay DROP COLUMN traceparent;
