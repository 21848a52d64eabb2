import type pg from 'pg';
import { DatabaseRefused } from './database-refused.js';

/**
 * What a deployment is called: a name that people know and a random end, so that two installations that are both called
 * "production" are not the same.
 */
export const DEPLOYMENT = /^[a-z][a-z0-9-]{0,50}-[0-9a-f]{8,16}$/;
export const DEPLOYMENT_FORM = 'must be a name, a dash and 8 to 16 random hexadecimal digits, such as production-7f3a9c21';

/** Whose a database is. */
export interface Stamp {
  readonly deployment: string;
  /** What it is for, whatever its name: `keys_subjects`. */
  readonly purpose: string;
}

/**
 * Compares what a database is stamped with. Another deployment's data is never served, and never migrated: that is how
 * production's would come to staging.
 * @returns whether it has a stamp
 * @throws {DatabaseRefused} DATABASE_OF_ANOTHER_DEPLOYMENT, DATABASE_OF_ANOTHER_SERVICE
 */
export async function compareStamp(client: pg.ClientBase | pg.Pool, stamp: Stamp): Promise<boolean> {
  const { rows: tables } = await client.query<{ found: string | null }>(`SELECT to_regclass('public.deployment_stamp') AS found`);
  if (tables[0]?.found == null) return false;
  const { rows } = await client.query<Stamp>('SELECT deployment, purpose FROM public.deployment_stamp');
  const found = rows[0];
  if (found === undefined) return false;
  if (found.deployment !== stamp.deployment) throw new DatabaseRefused('DATABASE_OF_ANOTHER_DEPLOYMENT', `the database is stamped with ${found.deployment}, and COUNTERSIGN_DEPLOYMENT is ${stamp.deployment}`);
  if (found.purpose !== stamp.purpose) throw new DatabaseRefused('DATABASE_OF_ANOTHER_SERVICE', `the database is that of ${found.purpose}, and ${stamp.purpose} was asked for`);
  return true;
}

/** The same, of a service: it stamps nothing itself. Throws also DATABASE_NOT_STAMPED. */
export async function requireStamp(client: pg.ClientBase | pg.Pool, stamp: Stamp): Promise<void> {
  if (!(await compareStamp(client, stamp))) throw new DatabaseRefused('DATABASE_NOT_STAMPED', 'the database has no stamp: its migrations write one');
}

/** Stamps a database that has none, as its owner. Throws what `compareStamp` throws. */
export async function stampDatabase(client: pg.ClientBase, stamp: Stamp): Promise<void> {
  if (await compareStamp(client, stamp)) return;
  // Several may do so at once. It is no secret of those who may connect.
  await client.query(`BEGIN;
    SELECT pg_advisory_xact_lock(hashtext('deployment_stamp'));
    CREATE TABLE IF NOT EXISTS public.deployment_stamp (
      is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
      deployment text NOT NULL,
      purpose text NOT NULL,
      stamped_at timestamptz NOT NULL DEFAULT now()
    );
    GRANT SELECT ON public.deployment_stamp TO PUBLIC;
    COMMIT`);
  await client.query('INSERT INTO public.deployment_stamp (deployment, purpose) VALUES ($1, $2) ON CONFLICT DO NOTHING', [stamp.deployment, stamp.purpose]);
  await requireStamp(client, stamp);
}
