import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removePostgres, startPostgres, type PostgresServer } from '@countersign/devstack';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { copyOutRows, createPool, withClient } from '@countersign/postgres';

let dir: string;
let server: PostgresServer;
let pool: ReturnType<typeof createPool>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-copy-out-'));
  await chmod(dir, 0o711);
  server = await startPostgres({ dir, durable: false });
  pool = createPool({ url: server.superuserUrl, max: 2, applicationName: 'test' });
});

afterAll(async () => {
  await pool.end();
  await server.stop();
  await removePostgres(dir);
  await rm(dir, { recursive: true, force: true });
});

describe('the rows of a binary COPY', () => {
  it('lets the server wait while the reader is slow, and goes on', async () => {
    const client = await pool.connect();
    const read: number[] = [];
    for await (const rows of copyOutRows(client, 'COPY (SELECT n, repeat(\'x\', 500) FROM generate_series(0, 39999) AS n) TO STDOUT (FORMAT BINARY)')) {
      if (read.length < 5_000) await sleep(5);
      read.push(...rows.map((one) => one.readInt32BE(6)));
    }
    expect(read).toEqual(Array.from({ length: 40_000 }, (_, n) => n));
    expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    client.release();
  });

  it('reads no rows, and notices between rows', async () => {
    const client = await pool.connect();
    const notices: string[] = [];
    client.on('notice', ({ message }) => notices.push(message ?? ''));
    const count = async (sql: string): Promise<number> => {
      let rows = 0;
      for await (const batch of copyOutRows(client, sql)) rows += batch.length;
      return rows;
    };
    expect(await count('COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT BINARY)')).toBe(0);
    await client.query("CREATE FUNCTION pg_temp.said(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', n; RETURN n; END $$");
    expect(await count('COPY (SELECT pg_temp.said(n) FROM generate_series(1, 3) AS n) TO STDOUT (FORMAT BINARY)')).toBe(3);
    expect(notices).toEqual(['row 1', 'row 2', 'row 3']);
    client.release(true);
  });

  it('fails when the connection breaks while rows come', async () => {
    const read = withClient(server.superuserUrl, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      for await (const batch of copyOutRows(client, 'COPY (SELECT repeat(\'x\', 1000) FROM generate_series(1, 1000000)) TO STDOUT (FORMAT BINARY)')) {
        if (batch.length > 0) await pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
      }
    });
    await expect(read).rejects.toThrow(/terminat/);
  });
});
