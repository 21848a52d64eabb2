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
    const { stack, platform: { identity, retention } } = stand;
    const databaseUrl = (name: string): string => stack.databaseUrl(name);
    const [person, other] = [await stand.person(), await stand.person()];
    const invitationId = await invited(person);
    const alone = (...statements: string[]) => withClient(databaseUrl('postgres'), async (client) => {
      for (const sql of statements) await client.query(sql);
    });
    await identity.stop();
    await alone('CREATE DATABASE identity_before TEMPLATE identity OWNER identity_owner');
    await identity.start();
    // As a policy would have had it deleted meanwhile: the erasure does not know of it.
    await withClient(databaseUrl('identity'), (client) => client.query('DELETE FROM invitations WHERE invitation_id = $1', [invitationId]));
    const thief = person.browser.stolen();
    const { certificateUrl } = wanted(await person.browser.post('/v1/account/privacy/delete', {}), 202).json as { certificateUrl: string };
    await found('the certificate', async () => (await other.browser.get(certificateUrl)).status === 200 || undefined);
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
});

/** Into an organisation of its own. */
async function invited({ account: { email } }: Person): Promise<string> {
  const { browser } = stand.admin;
  wanted(await browser.post('/v1/organizations', { organization: 'guests', name: 'Guests' }), 204);
  return wanted(await browser.post('/v1/organizations/guests/invitations', { email }), 201).json['invitationId'] as string;
}
