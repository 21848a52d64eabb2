import { chownSync, copyFileSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { localCertificate, type PostgresServer } from '@countersign/devstack';
import { createPool, withClient } from '@countersign/postgres';

const FOREIGN = 'postgres://somebody@db.example.com/shop';

/** TLS to the server of the file that calls it, which has none at first. */
export function tlsSuite({ dir, server, urlOf }: { readonly dir: () => string; readonly server: () => PostgresServer; readonly urlOf: (database: string) => string }): void {
  const over = (parameters: string, host = 'localhost'): string => `${Object.assign(new URL(urlOf('postgres')), { hostname: host }).href}?${parameters}`;
  const ask = (url: string): Promise<unknown[]> => withClient(url, async (client) => (await client.query('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows);
  /** Gives the server a certificate for a name, without a restart. Its file. */
  const certify = async (name: string): Promise<string> => {
    const { certFile, keyFile } = await localCertificate(await mkdtemp(join(dir(), 'tls-')), Date.now(), [name]);
    const { dataDir } = server();
    const { uid, gid } = statSync(dataDir);
    for (const [from, to] of [[certFile, 'server.crt'], [keyFile, 'server.key']] as const) {
      copyFileSync(from, join(dataDir, to));
      chownSync(join(dataDir, to), uid, gid);
    }
    await withClient(urlOf('postgres'), async (client) => {
      await client.query('ALTER SYSTEM SET ssl = on');
      await client.query('SELECT pg_reload_conf()');
    });
    // It answers before it has read them.
    for (let tries = 0; tries < 100; tries += 1) {
      const outcome = await ask(over(`sslmode=verify-full&sslrootcert=${certFile}`)).then(() => 'in', (error: { code: string }) => error.code);
      if (outcome === 'in' || outcome === 'ERR_TLS_CERT_ALTNAME_INVALID') break;
      await sleep(50);
    }
    return certFile;
  };

  it.each([
    ['DATABASE_NOT_ENCRYPTED', FOREIGN],
    ['DATABASE_NOT_ENCRYPTED', 'postgres://somebody@localhost/shop?host=db.example.com'],
    ['DATABASE_NOT_VERIFIED', `${FOREIGN}?sslmode=require`],
    ['DATABASE_NOT_VERIFIED', `${FOREIGN}?sslmode=no-verify`],
    ['DATABASE_NOT_VERIFIED', `${FOREIGN}?ssl=true`],
    ['DATABASE_NOT_VERIFIED', 'postgres://somebody@192.0.2.1/shop?sslmode=verify-full'],
  ])('is asked for beyond this machine: %s of %s', async (code, url) => {
    const pool = createPool({ url, max: 1, applicationName: 'tls' });
    for (const refused of [withClient(url, async () => 'in'), pool.query('SELECT 1')]) {
      await expect(refused).rejects.toMatchObject({ code });
    }
    await pool.end();
  });

  it('is not given up when the server has none', async () => {
    await expect(ask(over('sslmode=verify-full'))).rejects.toMatchObject({ code: 'DATABASE_NOT_ENCRYPTED' });
    const pool = createPool({ url: over('sslmode=verify-full'), max: 1, applicationName: 'tls' });
    await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: 'DATABASE_NOT_ENCRYPTED' });
    await pool.end();
  });

  it('ends at the server of the name, vouched for by the authority of the file', async () => {
    const ca = await certify('localhost');
    expect(await ask(over(`sslmode=verify-full&sslrootcert=${ca}`))).toEqual([{ ssl: true, version: 'TLSv1.3' }]);
    await expect(ask(over('sslmode=verify-full'))).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await expect(ask(over(`sslmode=verify-full&sslrootcert=${ca}.none`))).rejects.toMatchObject({ code: 'ENOENT' });
    const other = await certify('db.example.com');
    await expect(ask(over(`sslmode=verify-full&sslrootcert=${ca}`))).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await expect(ask(over(`sslmode=verify-full&sslrootcert=${other}`))).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(await ask(urlOf('postgres'))).toEqual([{ ssl: false, version: null }]);
  });
}
