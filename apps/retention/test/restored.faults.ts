import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { wanted } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';
import { found, Stand, type Person } from './fixture/stand.js';

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterAll(() => stand.close(), 60_000);

describe('somebody erased, when a database of before is put back', () => {
  it('does not come back with it: retention tells identity, and without it the key service knows', async () => {
    const { platform: { identity, retention } } = stand;
    const [person, other] = [await stand.person(), await stand.person()];
    const invitationId = await invited(person);
    await identity.stop();
    await alone('CREATE DATABASE identity_before TEMPLATE identity OWNER identity_owner');
    await identity.start();
    // As a policy would have had it deleted meanwhile: the erasure does not know of it.
    await withClient(databaseUrl('identity'), (client) => client.query('DELETE FROM invitations WHERE invitation_id = $1', [invitationId]));
    const thief = person.browser.stolen();
    await erased(person, other);
    await Promise.all([identity.stop(), retention.kill()]);
    await alone('ALTER DATABASE identity RENAME TO identity_lost', 'ALTER DATABASE identity_before RENAME TO identity');
    await identity.start();
    const { email, userId, password } = person.account;
    const signIn = async () => (await stand.admin.browser.stolen().post('/v1/sign-in', { email, password })).json.code;
    const stateOf = () => withClient(databaseUrl('identity'), async (client) => (await client.query<{ state: string }>('SELECT state FROM users WHERE user_id = $1', [userId])).rows[0]?.state);
    // Retention is away: the account is there, and nobody gets in.
    expect(await stateOf()).toBe('active');
    wanted(await thief.get('/v1/account/principal'), 401);
    expect(await signIn()).toBe('SIGN_IN_REFUSED');
    wanted(await other.browser.get('/v1/account/profile'), 200);
    await retention.start();
    await found('it is erased again', async () => (await stateOf()) === 'erased' || undefined);
    await found('the key that nobody named before is destroyed', async () => (await stand.recorded('keys.subject-key.destroyed')).some((event) => JSON.stringify(event).includes(`invitee-${invitationId}`)) || undefined);
    expect((await stand.recorded('retention.erasure.repeated')).map(({ entry }) => (entry as { actor: unknown }).actor)).toEqual([{ type: 'service', id: 'identity' }]);
    wanted(await thief.get('/v1/account/principal'), 401);
    expect(await signIn()).toBe('SIGN_IN_REFUSED');
    wanted(await other.browser.get('/v1/account/profile'), 200);
  });

  it('loses again what the erasure took, and keeps again what a hold covers, and the key that this needs', async () => {
    const { platform: { identity, retention } } = stand;
    const [person, other] = [await stand.person(), await stand.person()];
    const { email, userId, password } = person.account;
    wanted(await stand.admin.browser.post('/v1/retention/holds', { matter: 'Case 10', scope: { types: ['session'], subjects: [userId] }, reason: 'a claim' }), 201);
    await identity.stop();
    await alone('CREATE DATABASE identity_held TEMPLATE identity OWNER identity_owner');
    await identity.start();
    await erased(person, other);
    const after = await heldOf(userId);
    // Otherwise the hold kept nothing, and nothing is shown.
    expect(after).toMatchObject({ state: 'erased', email: null, sessions: 1, passwords: 0, scrubs: 1 });
    expect(await destroyedOf(userId)).toEqual(['home']);
    await Promise.all([identity.stop(), retention.kill()]);
    await alone('ALTER DATABASE identity RENAME TO identity_forgetful', 'ALTER DATABASE identity_held RENAME TO identity');
    expect(await heldOf(userId)).toMatchObject({ state: 'active', sessions: 1, scrubs: 0 });
    await identity.start();
    await retention.start();
    await found('it is erased again', async () => (await heldOf(userId)).state === 'erased' || undefined);
    expect(await heldOf(userId)).toEqual(after);
    await found('retention was told', async () => (await untold(userId)) === 0 || undefined);
    expect(await destroyedOf(userId)).toEqual(['home']);
    wanted(await person.browser.get('/v1/account/profile'), 401);
    expect((await stand.admin.browser.stolen().post('/v1/sign-in', { email, password })).json.code).toBe('SIGN_IN_REFUSED');
    wanted(await other.browser.get('/v1/account/profile'), 200);
  });
});

const databaseUrl = (name: string): string => stand.stack.databaseUrl(name);

const alone = (...statements: string[]) => withClient(databaseUrl('postgres'), async (client) => {
  for (const sql of statements) await client.query(sql);
});

/** Resolves when his certificate is there. */
async function erased(person: Person, other: Person): Promise<void> {
  const { certificateUrl } = wanted(await person.browser.post('/v1/account/privacy/delete', {}), 202).json as { certificateUrl: string };
  await found('the certificate', async () => (await other.browser.get(certificateUrl)).status === 200 || undefined);
}

interface Held {
  readonly state: string;
  readonly email: string | null;
  readonly sessions: number;
  readonly passwords: number;
  readonly scrubs: number;
}

/** Rows of identity about somebody. */
const heldOf = (userId: string): Promise<Held> => withClient(databaseUrl('identity'), async (client) => {
  const { rows } = await client.query<Held>(
    `SELECT state, email, (SELECT count(*)::int FROM sessions WHERE user_id = $1) AS sessions, (SELECT count(*)::int FROM user_passwords WHERE user_id = $1) AS passwords,
     (SELECT count(*)::int FROM subject_scrubs WHERE user_id = $1) AS scrubs FROM users WHERE user_id = $1`,
    [userId],
  );
  return rows[0]!;
});

/** Tenants whose key of his is destroyed, as the key service has it on record. */
const destroyedOf = (userId: string): Promise<string[]> => withClient(databaseUrl('keys'), async (client) => {
  const { rows } = await client.query<{ tenant: string }>(`SELECT event::jsonb #>> '{data,tenant}' AS tenant FROM events WHERE type = 'keys.subject-key.destroyed' AND event::jsonb #>> '{data,subject}' = $1`, [userId]);
  return rows.map(({ tenant }) => tenant);
});

const untold = (userId: string): Promise<number> => withClient(databaseUrl('identity'), async (client) => (await client.query('SELECT FROM subject_scrubs WHERE user_id = $1 AND is_untold', [userId])).rowCount ?? 0);

/** Into an organisation of its own. */
async function invited({ account: { email } }: Person): Promise<string> {
  const { browser } = stand.admin;
  wanted(await browser.post('/v1/organizations', { organization: 'guests', name: 'Guests' }), 204);
  return wanted(await browser.post('/v1/organizations/guests/invitations', { email }), 201).json['invitationId'] as string;
}
