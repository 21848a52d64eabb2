import type pg from 'pg';

/** The server would acknowledge commits that a power cut can undo. */
export class NotDurableError extends Error {
  readonly code = 'NOT_DURABLE';
  constructor(readonly setting: string, readonly value: string) {
    super(`PostgreSQL runs with ${setting}=${value}: a receipt could be lost in a power cut; set ${setting}=on`);
    this.name = 'NotDurableError';
  }
}

export interface DurabilityOptions {
  /** For tests only: accept fsync=off and full_page_writes=off. */
  readonly allowFsyncOff?: boolean;
}

/**
 * Checks that a commit of this session is on disk when it is acknowledged. `local`, `remote_write` and `remote_apply`
 * all flush the local WAL first, so only `off` is refused.
 * @throws {NotDurableError}
 */
export async function assertDurable(client: pg.ClientBase | pg.Pool, options: DurabilityOptions = {}): Promise<void> {
  const names = ['synchronous_commit', ...(options.allowFsyncOff === true ? [] : ['fsync', 'full_page_writes'])];
  const { rows } = await client.query<{ name: string; setting: string }>('SELECT name, setting FROM pg_settings WHERE name = ANY($1)', [names]);
  for (const name of names) {
    const value = rows.find((row) => row.name === name)?.setting ?? 'unknown';
    if (value === 'off' || value === 'unknown') throw new NotDurableError(name, value);
  }
}
