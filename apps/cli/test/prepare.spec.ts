import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { prepareDeployment } from '../src/deployment/prepare.js';

const busConfig = ['LEDGER', 'KEYS', 'IDENTITY', 'RETENTION', 'EDGE', 'OPERATOR'].map((user) => `nkey: $COUNTERSIGN_NKEY_${user}`).join('\n');
const servers = { postgres: 'db.example.com:6432', postgresOptions: 'sslmode=verify-full', redis: 'rediss://redis.example.com:6380', natsHosts: ['nats.bus.svc'] };
// RFC 5280 §4.2.1.12: id-kp-serverAuth, id-kp-clientAuth.
const [SERVER_AUTH, CLIENT_AUTH] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];
const out = mkdtempSync(join(tmpdir(), 'countersign-prepare-'));
const read = (name: string): string => readFileSync(join(out, name), 'utf8');
afterAll(() => rmSync(out, { recursive: true, force: true }));

describe('the secrets of a deployment', () => {
  it('lead to servers elsewhere, and stay what they are when they are made again', async () => {
    await prepareDeployment({ out, busConfig, hosts: ['audit.example.com'], servers, nowMs: Date.now(), isOwned: false });
    for (const name of ['database-admin-url', 'ledger-database-url', 'keys-subjects-database-url']) {
      const url = new URL(read(name));
      expect({ host: url.host, search: url.search, hasPassword: url.password.length >= 32 }).toEqual({ host: 'db.example.com:6432', search: '?sslmode=verify-full', hasPassword: true });
    }
    expect(new URL(read('redis-url'))).toMatchObject({ protocol: 'rediss:', host: 'redis.example.com:6380', username: 'default' });
    expect(new X509Certificate(read('tls/nats/tls.crt')).checkHost('nats.bus.svc')).toBe('nats.bus.svc');
    const before = ['ledger-database-url', 'nats-edge.nk', 'tls/nats/tls.crt', 'keys-root-passphrase'].map(read);
    await prepareDeployment({ out, busConfig, hosts: ['audit.example.com'], servers, nowMs: Date.now(), isOwned: false });
    expect(['ledger-database-url', 'nats-edge.nk', 'tls/nats/tls.crt', 'keys-root-passphrase'].map(read)).toEqual(before);
  });

  it('are readable by their owner alone, all but the certificate that everybody may have', () => {
    const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).map((name) => join(out, name)).filter((path) => statSync(path).isFile());
    expect(files.length).toBeGreaterThan(30);
    expect(files.filter((path) => (statSync(path).mode & 0o077) !== 0)).toEqual([join(out, 'ca.crt')]);
  });

  it('hold a certificate of the deployment for each server, and for each user of the bus one that no server can show', () => {
    const authority = new X509Certificate(read('ca.crt'));
    const found = Object.fromEntries(readdirSync(join(out, 'tls')).map((name) => [name, new X509Certificate(read(join('tls', name, 'tls.crt')))]));
    expect(Object.entries(found).filter(([, one]) => !one.verify(authority.publicKey))).toEqual([]);
    for (const [server, host] of [['edge', 'audit.example.com'], ['nats', 'nats'], ['postgres', 'postgres'], ['redis', 'redis']] as const) {
      expect({ host: found[server]!.checkHost(host), usage: found[server]!.keyUsage }).toEqual({ host, usage: server === 'nats' ? [SERVER_AUTH, CLIENT_AUTH] : [SERVER_AUTH] });
    }
    const users = Object.entries(found).filter(([name]) => name.startsWith('nats-'));
    expect(users).toHaveLength(6);
    for (const [, one] of users) expect({ names: one.subjectAltName, usage: one.keyUsage }).toEqual({ names: undefined, usage: [CLIENT_AUTH] });
  });

  it('get all their certificates anew when one ends within 30 days, and none before', async () => {
    const files = readdirSync(join(out, 'tls')).map((name) => `tls/${name}/tls.crt`);
    const issued = files.map(read);
    const again = (days: number): Promise<void> => prepareDeployment({ out, busConfig, hosts: ['audit.example.com'], servers, nowMs: Date.now() + days * 86_400_000, isOwned: false });
    await again(334);
    expect(files.map(read)).toEqual(issued);
    await again(336);
    expect(files.filter((name, at) => read(name) === issued[at])).toEqual([]);
  });

  it('lead to those of Compose when nothing is said', async () => {
    await prepareDeployment({ out, busConfig, hosts: ['audit.example.com'], nowMs: Date.now(), isOwned: false });
    expect(new URL(read('ledger-database-url'))).toMatchObject({ host: 'postgres:5432', search: '?sslmode=verify-full&sslrootcert=/run/secrets/ca.crt' });
    expect(new URL(read('redis-url'))).toMatchObject({ protocol: 'rediss:', host: 'redis:6379' });
  });
});
