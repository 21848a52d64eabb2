import type { Pool } from '@countersign/postgres';

/** A command that was carried out. */
export interface DoneCommand {
  /** Ledger that it is recorded in. */
  readonly tenant: string;
  /** Of the aggregate that it was about. */
  readonly id: string;
  /** Undefined: it changed nothing, and nothing is recorded. */
  readonly actorId: string | undefined;
}

interface Row {
  readonly tenant: string;
  readonly stream: string;
  readonly event: string | null;
}

/** Commands by their ids, whatever they were about. */
export class CommandRows {
  constructor(readonly pool: Pool) {}

  async find(commandId: string): Promise<DoneCommand | undefined> {
    const { rows } = await this.pool.query<Row>(
      `SELECT c.tenant, c.stream, e.event FROM event_commands c
       LEFT JOIN events e ON c.events > 0 AND e.tenant = c.tenant AND e.stream = c.stream AND e.version = c.version WHERE c.command_id = $1 LIMIT 1`,
      [commandId],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    const { tenant, stream, event } = row;
    const actorId = event === null ? undefined : (JSON.parse(event) as { readonly actor: { readonly id: string } }).actor.id;
    return { tenant, id: stream.slice(stream.indexOf('/') + 1), actorId };
  }
}
