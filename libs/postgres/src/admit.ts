import type pg from 'pg';
import { DatabaseRefused } from './database-refused.js';
import { requireStamp, type Stamp } from './stamp.js';

/** The oldest server that the migrations run on: `MAINTAIN` on a table came with it. */
const SERVER_VERSION_MIN = 17;

export interface AdmitOptions extends Stamp {
  /** For tests only: accept fsync=off and full_page_writes=off. */
  readonly allowFsyncOff?: boolean;
}

/**
 * Checks once, at the start, that the server keeps what a service promises of it, and that the service's role cannot
 * undo it: a version that is known, pages with checksums, commits that are on disk when they are acknowledged, a role
 * that neither owns anything nor is above the rules, and data of this deployment and no other.
 * @throws {DatabaseRefused}
 */
export async function admitDatabase(client: pg.ClientBase | pg.Pool, options: AdmitOptions): Promise<void> {
  const settings = await readSettings(client);
  const version = Math.floor(Number(settings.get('server_version_num')) / 10_000);
  if (!(version >= SERVER_VERSION_MIN)) throw new DatabaseRefused('DATABASE_TOO_OLD', `PostgreSQL ${version} is too old: ${SERVER_VERSION_MIN} or later is needed`);
  if (settings.get('data_checksums') !== 'on') throw new DatabaseRefused('CHECKSUMS_OFF', 'PostgreSQL runs without data checksums: a page that a disk has changed would be believed; see pg_checksums --enable');
  // `local`, `remote_write` and `remote_apply` all flush the local WAL first, so only `off` is refused.
  for (const name of ['synchronous_commit', ...(options.allowFsyncOff === true ? [] : ['fsync', 'full_page_writes'])]) {
    const value = settings.get(name) ?? 'unknown';
    if (value === 'off' || value === 'unknown') throw new DatabaseRefused('NOT_DURABLE', `PostgreSQL runs with ${name}=${value}: a receipt could be lost in a power cut; set ${name}=on`);
  }
  const power = await strongestPower(client);
  if (power !== undefined) throw new DatabaseRefused('ROLE_TOO_STRONG', `the role of the connection is more than a service may be: ${power}`);
  await requireStamp(client, options);
}

async function readSettings(client: pg.ClientBase | pg.Pool): Promise<ReadonlyMap<string, string>> {
  const names = ['server_version_num', 'data_checksums', 'synchronous_commit', 'fsync', 'full_page_writes'];
  const { rows } = await client.query<{ name: string; setting: string }>('SELECT name, setting FROM pg_settings WHERE name = ANY($1)', [names]);
  return new Map(rows.map(({ name, setting }) => [name, setting]));
}

/** Of whoever logged in, with every role that it could become; a superuser is each of them. */
async function strongestPower(client: pg.ClientBase | pg.Pool): Promise<string | undefined> {
  const { rows } = await client.query<{ power: string }>(`
    WITH own AS (SELECT * FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER'))
    SELECT 'it is a superuser' AS power FROM own WHERE rolsuper
    UNION ALL SELECT 'it passes by the security of rows' FROM own WHERE rolbypassrls
    UNION ALL SELECT 'it may copy the whole server' FROM own WHERE rolreplication
    UNION ALL SELECT 'it may make roles or databases' FROM own WHERE rolcreaterole OR rolcreatedb
    UNION ALL SELECT 'it has the rights of ' || rolname FROM own WHERE rolname LIKE 'pg\\_%'
    UNION ALL SELECT 'it owns the database' FROM own JOIN pg_database ON datdba = own.oid AND datname = current_database()
    UNION ALL SELECT 'it owns ' || relname FROM own JOIN pg_class ON relowner = own.oid WHERE relpersistence <> 't'
    LIMIT 1`);
  return rows[0]?.power;
}
