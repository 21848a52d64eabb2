import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { removePostgres, startPostgres, type PostgresServer } from '@countersign/devstack';
import {
  COPY_BINARY_HEADER, COPY_BINARY_TRAILER, copyBinary, copyOutRows, createPool, ensureDatabase, ensureRole, withClient, withTransaction,
} from '@countersign/postgres';
import { admitSuite } from './suites/admit.js';
import { migrationsSuite, refusalsSuite } from './suites/migrations.js';
import { tlsSuite } from './suites/tls.js';

let dir: string;
let server: PostgresServer;
let pool: ReturnType<typeof createPool>;
let idleErrors: string[] = [];

const urlOf = (database: string, user = 'postgres', password?: string): string => {
  const url = new URL(server.superuserUrl);
  url.pathname = `/${database}`;
  url.username = user;
  if (password !== undefined) url.password = password;
  return url.href;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-postgres-'));
  await chmod(dir, 0o711);
  server = await startPostgres({ dir, durable: false });
  await withClient(server.superuserUrl, (client) => ensureDatabase(client, 'shop'));
  pool = createPool({ url: urlOf('shop'), max: 4, applicationName: 'spec', onIdleError: (error) => idleErrors.push(error.message) });
  await pool.query('CREATE TABLE rows (n int PRIMARY KEY, body bytea NOT NULL)');
});
afterEach(async () => {
  idleErrors = [];
  await pool.query('TRUNCATE rows');
});
afterAll(async () => {
  await pool.end();
  await server.stop();
  await removePostgres(dir);
});

const count = async (): Promise<number> => Number((await pool.query<{ n: string }>('SELECT count(*) AS n FROM rows')).rows[0]?.n);

describe('a pool', () => {
  it('takes a rotated password for new connections, keeps those it has, and says when one is refused', async () => {
    await withClient(server.superuserUrl, (client) => ensureRole(client, { name: 'rotated', password: 'first' }));
    let password = 'first';
    let refusals = 0;
    const live = createPool({ url: () => urlOf('shop', 'rotated', password), max: 2, applicationName: 'live', onRefused: () => void (refusals += 1) });
    const held = await live.connect();
    await withClient(server.superuserUrl, (client) => ensureRole(client, { name: 'rotated', password: 'second' }));
    await expect(live.query('SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect(refusals).toBe(1);
    password = 'second';
    expect((await live.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect((await held.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
    held.release();
    await live.end();
    expect(refusals).toBe(1);
  });

  it('names itself and limits statements', async () => {
    const strict = createPool({ url: urlOf('shop'), max: 1, applicationName: 'strict', statementTimeoutMs: 100 });
    const { rows } = await strict.query<{ application_name: string }>('SHOW application_name');
    expect(rows[0]?.application_name).toBe('strict');
    await expect(strict.query('SELECT pg_sleep(5)')).rejects.toMatchObject({ code: '57014' });
    await strict.end();
  });

  it('prepares and plans statements once a connection where it is asked to', async () => {
    const [prepared, sql] = [createPool({ url: urlOf('shop'), max: 1, applicationName: 'prepared', arePrepared: true }), 'SELECT $1::int + 1 AS next'];
    for (const n of [1, 2]) expect(await withTransaction(prepared, async (client) => (await client.query(sql, [n])).rows)).toEqual([{ next: n + 1 }]);
    expect((await prepared.query('SELECT statement, generic_plans FROM pg_prepared_statements')).rows).toEqual([{ statement: sql, generic_plans: '2' }]);
    await prepared.end();
  });

  it('replaces an idle connection that the server ended, and tells', async () => {
    await pool.query('SELECT 1');
    await withClient(server.superuserUrl, (client) => client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'spec'`));
    await sleep(200);
    expect(idleErrors).toEqual(['terminating connection due to administrator command']);
    const { rows } = await pool.query<{ one: number }>('SELECT 1 AS one');
    expect(rows).toEqual([{ one: 1 }]);
  });
});

describe('a transaction', () => {
  it('commits what resolves and returns its value', async () => {
    const value = await withTransaction(pool, async (client) => {
      await client.query(`INSERT INTO rows VALUES (1, 'a')`);
      return 'done';
    });
    expect([value, await count()]).toEqual(['done', 1]);
  });

  it('rolls back what rejects and passes the error on', async () => {
    const work = withTransaction(pool, async (client) => {
      await client.query(`INSERT INTO rows VALUES (1, 'a')`);
      throw new RangeError('no');
    });
    await expect(work).rejects.toThrow(new RangeError('no'));
    expect([await count(), pool.idleCount]).toEqual([0, pool.totalCount]);
  });

  it('rolls back after a refused statement and keeps the connection', async () => {
    const work = withTransaction(pool, (client) => client.query('INSERT INTO rows VALUES (1, NULL)'));
    await expect(work).rejects.toMatchObject({ code: '23502' });
    expect(await withTransaction(pool, async () => 'next')).toBe('next');
  });

  it('may be read-only and repeatable', async () => {
    const options = { isolation: 'REPEATABLE READ', readOnly: true } as const;
    const level = await withTransaction(pool, async (client) => (await client.query<{ transaction_isolation: string }>('SHOW transaction_isolation')).rows[0]?.transaction_isolation, options);
    expect(level).toBe('repeatable read');
    await expect(withTransaction(pool, (client) => client.query(`INSERT INTO rows VALUES (1, 'a')`), options)).rejects.toMatchObject({ code: '25006' });
  });

  it('throws a connection away that broke inside, and nothing was committed', async () => {
    const work = withTransaction(pool, async (client) => {
      await client.query(`INSERT INTO rows VALUES (1, 'a')`);
      await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
    });
    await expect(work).rejects.toMatchObject({ code: '57P01' });
    expect(await count()).toBe(0);
  });
});

describe('a frozen server', () => {
  it('fails a query in time when the pool has a limit, and serves the next one when it is back', async () => {
    const limited = createPool({ url: urlOf('shop'), max: 1, applicationName: 'limited', queryTimeoutMs: 300 });
    await limited.query('SELECT 1');
    await server.kill('SIGSTOP');
    try {
      await expect(withTransaction(limited, (client) => client.query('SELECT 1'))).rejects.toThrow('Query read timeout');
    } finally {
      await server.kill('SIGCONT');
    }
    expect(await withTransaction(limited, async (client) => (await client.query<{ one: number }>('SELECT 1 AS one')).rows)).toEqual([{ one: 1 }]);
    await limited.end();
  });
});

function row(n: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(14);
  head.writeInt16BE(2, 0);
  head.writeInt32BE(4, 2);
  head.writeInt32BE(n, 6);
  head.writeInt32BE(body.length, 10);
  return Buffer.concat([head, body]);
}

const IN = 'COPY rows FROM STDIN (FORMAT BINARY)';
const OUT = 'COPY (SELECT * FROM rows ORDER BY n) TO STDOUT (FORMAT BINARY)';

async function readAll(): Promise<Buffer> {
  const client = await pool.connect();
  const copied: Uint8Array[] = [COPY_BINARY_HEADER];
  for await (const rows of copyOutRows(client, OUT)) copied.push(...rows);
  client.release();
  return Buffer.concat([...copied, COPY_BINARY_TRAILER]);
}

describe('binary COPY', () => {
  it('writes one buffer and reads the same bytes back', async () => {
    const bytes = Buffer.concat([COPY_BINARY_HEADER, row(1, Buffer.from('one')), row(2, Buffer.alloc(0)), COPY_BINARY_TRAILER]);
    expect(await withTransaction(pool, (client) => copyBinary(client, IN, bytes))).toBe(2);
    expect(await readAll()).toEqual(bytes);
  });

  it('writes many large buffers, more than a socket takes at once', async () => {
    const body = Buffer.alloc(1_000_000, 7);
    const rows = Array.from({ length: 30 }, (_, n) => row(n, body));
    expect(await withTransaction(pool, (client) => copyBinary(client, IN, [COPY_BINARY_HEADER, ...rows, COPY_BINARY_TRAILER]))).toBe(30);
    expect((await readAll()).length).toBe(COPY_BINARY_HEADER.length + 30 * (14 + body.length) + COPY_BINARY_TRAILER.length);
  });

  it('reports a row that a constraint refuses; the connection goes on', async () => {
    const twice = [COPY_BINARY_HEADER, row(1, Buffer.from('a')), row(1, Buffer.from('b')), COPY_BINARY_TRAILER];
    const client = await pool.connect();
    await expect(copyBinary(client, IN, twice)).rejects.toMatchObject({ code: '23505', constraint: 'rows_pkey' });
    expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    client.release();
  });

  it('reports a refusal while it still has much to send', async () => {
    const body = Buffer.alloc(2_000_000, 7);
    const rows = Array.from({ length: 30 }, () => row(1, body));
    const client = await pool.connect();
    await expect(copyBinary(client, IN, [COPY_BINARY_HEADER, ...rows, COPY_BINARY_TRAILER])).rejects.toMatchObject({ code: '23505' });
    expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    client.release();
  });

  it('reports bytes that are no COPY and a statement that is no SQL', async () => {
    const client = await pool.connect();
    await expect(copyBinary(client, IN, Buffer.from('nonsense that is long enough'))).rejects.toMatchObject({ code: '22P04' });
    await expect(copyBinary(client, 'COPY nowhere FROM STDIN (FORMAT BINARY)', COPY_BINARY_HEADER)).rejects.toMatchObject({ code: '42P01' });
    client.release();
  });

  it('rejects when the connection breaks while much is left to send', async () => {
    await pool.query(`
      CREATE TABLE slow (LIKE rows);
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
      CREATE TRIGGER wait BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait();`);
    const client = await pool.connect();
    client.on('error', () => undefined);
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const body = Buffer.alloc(1_000_000);
    const parts = [COPY_BINARY_HEADER, ...Array.from({ length: 30 }, (_, n) => row(n, body)), COPY_BINARY_TRAILER];
    const copied = copyBinary(client, 'COPY slow FROM STDIN (FORMAT BINARY)', parts).catch((error: unknown) => error);
    await sleep(200);
    await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    expect(await copied).toMatchObject({ message: expect.stringMatching(/terminat|ECONNRESET|EPIPE/) });
    client.release(true);
    expect((await pool.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('may be left early: the server stops and the pool replaces the connection', async () => {
    await pool.query(`INSERT INTO rows SELECT n, decode(repeat('00', 100000), 'hex') FROM generate_series(1, 300) AS n`);
    const client = await pool.connect();
    client.on('error', () => undefined);
    const before = pool.totalCount;
    for await (const rows of copyOutRows(client, OUT)) {
      expect(rows.length).toBeGreaterThan(0);
      break;
    }
    client.release();
    expect(pool.totalCount).toBe(before - 1);
    expect(await count()).toBe(300);
  });

  it('reports a refused read', async () => {
    const client = await pool.connect();
    const read = async (): Promise<number> => {
      let count = 0;
      for await (const rows of copyOutRows(client, 'COPY (SELECT 1 / (n - 5) FROM generate_series(1, 9) AS n) TO STDOUT (FORMAT BINARY)')) count += rows.length;
      return count;
    };
    await expect(read()).rejects.toMatchObject({ code: '22012' });
    expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    client.release();
  });
});

describe('migrations', () => migrationsSuite({ dir: () => dir, urlOf }));
describe('migrations that do not fit', () => refusalsSuite({ dir: () => dir, urlOf }));

describe('roles and databases', () => {
  it('are made once; the password is the last one set', async () => {
    await withClient(server.superuserUrl, async (client) => {
      await ensureRole(client, { name: 'shop-writer', password: 'first' });
      await ensureRole(client, { name: 'shop-writer', password: "second ' \\ pass" });
      await ensureDatabase(client, 'owned', 'shop-writer');
      await ensureDatabase(client, 'owned', 'shop-writer');
    });
    const who = await withClient(urlOf('owned', 'shop-writer', encodeURIComponent("second ' \\ pass")), async (client) => (await client.query<{ current_user: string }>('SELECT current_user')).rows);
    expect(who).toEqual([{ current_user: 'shop-writer' }]);
    await expect(withClient(urlOf('owned', 'shop-writer', 'first'), async () => 'in')).rejects.toMatchObject({ code: '28P01' });
  });

  it('lose rights that somebody gave them', async () => {
    await withClient(server.superuserUrl, async (client) => {
      await ensureRole(client, { name: 'reader', password: 'x' });
      await client.query('ALTER ROLE reader SUPERUSER CREATEDB CREATEROLE');
      await ensureRole(client, { name: 'reader', password: 'x' });
      const { rows } = await client.query('SELECT rolsuper, rolcreatedb, rolcreaterole, rolcanlogin FROM pg_roles WHERE rolname = $1', ['reader']);
      expect(rows).toEqual([{ rolsuper: false, rolcreatedb: false, rolcreaterole: false, rolcanlogin: true }]);
    });
  });

  it('cannot log in without a password', async () => {
    await withClient(server.superuserUrl, async (client) => {
      await ensureRole(client, { name: 'group', password: 'x' });
      await ensureRole(client, { name: 'group' });
      expect((await client.query('SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = $1', ['group'])).rows).toEqual([{ rolcanlogin: false, rolpassword: null }]);
    });
  });
});

describe('TLS', () => tlsSuite({ dir: () => dir, server: () => server, urlOf }));

describe('a database is admitted', () => admitSuite({ dir: () => dir, urlOf }));
