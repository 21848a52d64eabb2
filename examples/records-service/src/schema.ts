/**
 * The service's own tables, and beside them what retention needs: `changes`, fed by triggers in the same transaction, says what is still to
 * be reported; `carried_out` remembers each order with what went by it, so that an answer which got lost can be given again.
 */
export const SCHEMA = `
CREATE TABLE IF NOT EXISTS contracts (
  id text PRIMARY KEY,
  customer text NOT NULL,
  terms text NOT NULL,
  signed_at timestamptz NOT NULL,
  ended_at timestamptz
);
CREATE TABLE IF NOT EXISTS messages (
  id text PRIMARY KEY,
  customer text NOT NULL,
  body text NOT NULL,
  sent_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS attachments (
  id text PRIMARY KEY,
  customer text NOT NULL,
  bytes bytea NOT NULL,
  added_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS changes (
  change bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  id text NOT NULL
);
CREATE TABLE IF NOT EXISTS carried_out (
  order_id text PRIMARY KEY,
  gone text[] NOT NULL,
  certificate text
);
CREATE OR REPLACE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO changes (kind, id) VALUES (TG_TABLE_NAME, coalesce(NEW.id, OLD.id));
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER contracts_change AFTER INSERT OR UPDATE OR DELETE ON contracts FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE OR REPLACE TRIGGER messages_change AFTER INSERT OR UPDATE OR DELETE ON messages FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE OR REPLACE TRIGGER attachments_change AFTER INSERT OR UPDATE OR DELETE ON attachments FOR EACH ROW EXECUTE FUNCTION note_change();
`;
