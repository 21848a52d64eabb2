import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HeldOrder, HeldResource } from '@countersign/contracts';
import { startTestStack, TEST_DEPLOYMENT, type Devstack } from '@countersign/devstack';
import { Orders, retentionOrdersMigrationSql } from '@countersign/holder';
import { createPool, type Pool } from '@countersign/postgres';
import { IdentityHolder } from '../src/hold/identity-holder.js';
import { identityUrl, provisionIdentity } from '../src/store/provision.js';

const PASSWORDS = { identity_owner: 'owner-password', identity_runtime: 'runtime-password', identity_reader: 'reader-password' };
const hash = (name: string): string => name.padEnd(43, '-');

let stack: Devstack;
let pool: Pool;
let holder: IdentityHolder;
beforeAll(async () => {
  stack = await startTestStack();
  const place = { adminUrl: stack.postgres.superuserUrl, passwords: PASSWORDS };
  await provisionIdentity({ ...place, deployment: TEST_DEPLOYMENT });
  pool = createPool({ url: identityUrl(place, 'identity_runtime'), max: 4, applicationName: 'identity' });
  holder = new IdentityHolder(pool, 'home');
  await pool.query(`INSERT INTO organizations (organization, name, state, created_at) VALUES ('acme', 'Acme', 'open', now())`);
  await pool.query(`INSERT INTO users (user_id, state, organization, email_index, email, name, created_at, password, password_at) VALUES ('ada', 'active', 'acme', 'a', 'x', 'x', now(), 'x', now()), ('bob', 'active', NULL, 'b', 'x', 'x', now(), 'x', now())`);
  const session = (id: string, user: string, ended: string, expires: string): Promise<unknown> =>
    pool.query(`INSERT INTO sessions (session_id, token_hash, user_id, started_at, seen_at, expires_at, assurance, assurance_at, ended_at) VALUES ($1, $2, $3, now() - interval '99 days', now() - interval '98 days', ${expires}, 'password', now(), ${ended})`, [id, hash(id), user]);
  await session('ended', 'ada', `now() - interval '50 days'`, `now() + interval '1 day'`);
  await session('expired', 'bob', 'NULL', `now() - interval '40 days'`);
  await session('open', 'ada', 'NULL', `now() + interval '1 day'`);
  await pool.query(`INSERT INTO devices (token_hash, user_id, known_at) VALUES ($1, 'ada', now() - interval '200 days'), ($1, 'bob', now() - interval '200 days')`, [hash('d')]);
  await pool.query(`INSERT INTO api_keys (key_id, user_id, created_by, mac, preview, name, permissions, created_at, expires_at, revoked_at)
    SELECT id, 'ada', 'ada', 'k1:' || repeat('m', 43), 'p', 'n', '', now() - interval '9 days', now() + interval '9 days', revoked FROM (VALUES ('revoked-----', now() - interval '1 day'), ('valid-------', NULL)) AS k (id, revoked)`);
  await pool.query(`INSERT INTO invitations (invitation_id, organization, token_hash, email, roles, state, invited_by, invited_at, expires_at)
    SELECT id, 'acme', rpad(id, 43, '-'), 'e', '{}', 'pending', 'ada', now() - interval '30 days', expires FROM (VALUES ('old', now() - interval '23 days'), ('new', now() + interval '1 day')) AS i (id, expires)`);
});
afterAll(async () => {
  await pool.end();
  await stack.stop();
});

async function listed(type: string, limit = 1): Promise<HeldResource[]> {
  const all: HeldResource[] = [];
  for (let after: string | undefined; ; ) {
    const { resources, next } = await holder.list({ type, after, limit, except: [] });
    all.push(...resources);
    if (next === undefined) return all;
    after = next;
  }
}

const destroy = (type: string, tenant: string, resources: string[], changes: Partial<HeldOrder> = {}) =>
  new Orders(pool, holder).execute({ orderId: `${type}-${tenant}-${resources.length}-${Object.keys(changes).length}`, tenant, type, action: 'delete', resources, except: [], policyVersion: 1, orderedAt: new Date().toISOString(), expiresAt: '2099-01-01T00:00:00.000Z', ...changes });

describe('what identity holds', () => {
  it.each([
    ['session', ['ended', 'expired', 'open'], ['ended', 'expired'], ['acme', 'home', 'acme']],
    ['sign-in-device', [`${hash('d')}:ada`, `${hash('d')}:bob`], [`${hash('d')}:ada`, `${hash('d')}:bob`], ['acme', 'home']],
    ['api-key', ['revoked-----', 'valid-------'], ['revoked-----'], ['acme', 'acme']],
    ['invitation', ['new', 'old'], ['old'], ['acme', 'acme']],
  ])('%s: is listed page by page, in its organisation, closed when it has ended', async (type, ids, closed, tenants) => {
    const resources = await listed(type);
    expect(resources.map(({ id }) => id)).toEqual(ids);
    expect(resources.filter((one) => one.closed !== undefined).map(({ id }) => id)).toEqual(closed);
    expect(resources.map(({ tenant }) => tenant)).toEqual(tenants);
    expect(await listed(type, 100)).toEqual(resources);
  });

  it.each([
    ['session', ['ended', 'expired', 'open'], ['ended']],
    ['sign-in-device', [`${hash('d')}:ada`, `${hash('d')}:bob`], [`${hash('d')}:ada`]],
    ['api-key', ['revoked-----', 'valid-------'], ['revoked-----']],
    ['invitation', ['new', 'old'], ['old']],
  ])('%s: goes by an order, if it is of that organisation and has ended', async (type, ids, gone) => {
    // Used since the order was given: it stays.
    expect(await destroy(type, 'acme', ids, { orderedAt: '2020-01-01T00:00:00.000Z' })).toMatchObject({ state: 'executed', done: [] });
    expect(await destroy(type, 'acme', ids)).toMatchObject({ state: 'executed', done: gone, items: gone.length });
    expect((await listed(type)).map(({ id }) => id)).toEqual(ids.filter((id) => !gone.includes(id)));
  });
});

describe('the migration', () => {
  it('has the table of orders as libs/holder makes it', () => {
    expect(readFileSync(new URL('../migrations/0008_retention.sql', import.meta.url), 'utf8')).toContain(retentionOrdersMigrationSql('identity_runtime').trim());
  });
});
