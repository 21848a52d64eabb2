import type { Pool, PoolClient } from '@countersign/postgres';

/** The rules under which something was judged are not those that hold now: it must be judged anew. */
export class RulesMoved extends Error {
  override readonly name = 'RulesMoved';
}

/** In the place of a tenant's name. */
export const EVERY_TENANT = '*';

/** Of policies and holds: another one after each change of any. */
export async function rulesVersion(pool: Pool): Promise<string> {
  return (await pool.query<{ version: string }>('SELECT version FROM rules_version')).rows[0]!.version;
}

/** Holds the rules as they are until the end of the transaction: who changes one waits. Throws RulesMoved. */
export async function holdRules(client: PoolClient, expected: string): Promise<void> {
  const { rows } = await client.query<{ version: string }>('SELECT version FROM rules_version FOR SHARE');
  if (rows[0]?.version !== expected) throw new RulesMoved('a policy or a hold was changed meanwhile');
}
