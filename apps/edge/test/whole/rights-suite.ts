import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { withClient } from '@countersign/postgres';
import type { WholeStand } from './whole-stand.js';

const PAGE = new URL('../../../../docs/operations/database-rights.md', import.meta.url);
const RUNBOOK = new URL('../../../../docs/operations/runbooks/event-unreceipted.md', import.meta.url);
/** By database: the service whose roles may connect. */
const DATABASES = { ledger: 'ledger', keys: 'keys', keys_subjects: 'keys', identity: 'identity', retention: 'retention' } as const;
type Database = keyof typeof DATABASES;
const NAMES = Object.keys(DATABASES) as Database[];
const SERVICES = [...new Set(Object.values(DATABASES))];

/** What PostgreSQL itself says: rights to whole tables, and to columns where that is all. Owners have every right. */
const RIGHTS = `
  SELECT c.relname AS "table", r.rolname AS role, string_agg(p.name || coalesce(' (' || columns || ')', ''), ', ' ORDER BY p.place) AS rights
  FROM pg_class c
  JOIN pg_roles r ON starts_with(r.rolname, $1 || '_') AND r.rolname <> $1 || '_owner'
  CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN']) WITH ORDINALITY AS p (name, place)
  CROSS JOIN LATERAL (
    SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns FROM pg_attribute a
    WHERE a.attrelid = c.oid AND NOT a.attisdropped AND p.name IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND NOT has_table_privilege(r.oid, c.oid, p.name)
      AND has_column_privilege(r.oid, c.oid, a.attnum, CASE WHEN p.name IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') THEN p.name ELSE 'SELECT' END)
  ) AS part
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND (has_table_privilege(r.oid, c.oid, p.name) OR columns IS NOT NULL)
  GROUP BY 1, 2 ORDER BY 1, 2`;

/** Who may do more than rights to tables allow: connect from elsewhere, make something, own something, run as somebody else. */
const BEYOND = `
  SELECT r.rolname || ' connects' AS found FROM pg_roles r WHERE r.rolname ~ $2 AND NOT starts_with(r.rolname, $1 || '_') AND has_database_privilege(r.oid, current_database(), 'CONNECT')
  UNION ALL SELECT r.rolname || ' makes ' || p FROM pg_roles r, unnest(ARRAY['CREATE', 'TEMPORARY']) AS p WHERE r.rolname ~ $2 AND r.rolname <> $1 || '_owner' AND has_database_privilege(r.oid, current_database(), p)
  UNION ALL SELECT r.rolname || ' makes tables' FROM pg_roles r WHERE r.rolname ~ $2 AND r.rolname <> $1 || '_owner' AND has_schema_privilege(r.oid, 'public', 'CREATE')
  UNION ALL SELECT r.rolname || ' owns ' || c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.relnamespace = 'public'::regnamespace AND r.rolname <> $1 || '_owner'
  UNION ALL SELECT 'as its owner runs ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
  UNION ALL SELECT r.rolname || ' is more than a role' FROM pg_roles r WHERE r.rolname ~ $2 AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
  UNION ALL SELECT m.rolname || ' may become ' || g.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid WHERE m.rolname ~ $2`;

interface Right {
  readonly table: string;
  readonly role: string;
  readonly rights: string;
}

/** The page of the rights, and what no page has. */
export function rightsSuite(open: () => WholeStand): void {
  const ask = <Row extends object>(database: Database, sql: string, values: readonly string[]): Promise<Row[]> =>
    withClient(open().stack.databaseUrl(database), async (client) => (await client.query<Row>(sql, [...values])).rows);

  const urlOf = async (database: Database, role: string, service: string = DATABASES[database]): Promise<string> => {
    const password = (await readFile(join(open().stack.stateDir, `${service}-service`, 'passwords', role), 'utf8')).trim();
    return Object.assign(new URL(open().stack.databaseUrl(database)), { username: role, password }).href;
  };

  describe('rights in the databases', () => {
    it('are those that the page shows, of every role to every table', async () => {
      const sections = await Promise.all(NAMES.map(async (database) => {
        const rows = await ask<Right>(database, RIGHTS, [DATABASES[database]]);
        return [`## ${database}`, '| table | role | rights |', '|---|---|---|', ...rows.map(({ table, role, rights }) => `| \`${table}\` | ${role} | ${rights} |`), ''].join('\n');
      }));
      const page = await readFile(PAGE, 'utf8');
      expect(page.slice(page.indexOf('\n## ') + 1)).toBe(sections.join('\n'));
    });

    it('are all that any role has', async () => {
      const services = `^(${SERVICES.join('|')})_`;
      const found = await Promise.all(NAMES.map(async (database) => (await ask<{ found: string }>(database, BEYOND, [DATABASES[database], services])).map((row) => row.found)));
      expect(new Set(found.flat())).toEqual(new Set(['ledger_runtime may become ledger_rotation']));
    });

    it('of who is on call are to what runbooks ask, and to no more', async () => {
      for (const service of ['keys', 'identity', 'retention'] as const) {
        const asked = 'SELECT e.tenant, e.type, r.* FROM event_relay r JOIN events e USING (event_id) WHERE ledger_index IS NULL ORDER BY added LIMIT 20';
        expect(await readFile(RUNBOOK, 'utf8')).toContain(asked);
        const url = await urlOf(service, `${service}_reader`);
        await expect(withClient(url, (client) => client.query(asked))).resolves.toBeDefined();
        for (const sql of ['SELECT personal FROM events', 'DELETE FROM event_relay']) await expect(withClient(url, (client) => client.query(sql))).rejects.toMatchObject({ code: '42501' });
      }
    });

    it('end at the database of another service', async () => {
      for (const service of SERVICES) {
        for (const database of NAMES.filter((name) => DATABASES[name] !== service)) {
          const url = await urlOf(database, `${service}_runtime`, service);
          await expect(withClient(url, async () => 'in')).rejects.toMatchObject({ code: '42501' });
        }
      }
    });
  });
}
