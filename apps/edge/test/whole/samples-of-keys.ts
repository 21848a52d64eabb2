import { randomUUID } from 'node:crypto';
import { wanted } from '@countersign/devstack';
import type { Cast, Make, Sample } from './cast.js';
import { HOME } from './whole-stand.js';

const READ = [{ permission: 'user.read', scope: 'own' }];
const WRITE = [{ permission: 'event.write', scope: 'organization' }];

/** Samples of API keys, service accounts, and of what these send; see samples.ts. */
export const KEY_SAMPLES: Readonly<Record<string, Make>> = {
  'GET /v1/account/api-keys': async ({ stand }) => ({ by: stand.admin.browser }),
  'POST /v1/account/api-keys': async (cast) => byAdmin(cast, { body: { name: 'a sample', grants: READ }, resource: { type: 'api-key' } }),
  'DELETE /v1/account/api-keys/{keyId}': async (cast) => overKey(cast, await ownKey(cast)),
  'DELETE /v1/admin/api-keys/{keyId}': async (cast) => overKey(cast, (await service(cast)).keyId),
  'GET /v1/admin/users/{userId}/api-keys': async ({ stand }) => ({ by: stand.admin.browser, path: { userId: stand.admin.account.userId } }),
  'GET /v1/admin/service-accounts': async ({ stand }) => ({ by: stand.admin.browser }),
  'POST /v1/admin/service-accounts': async (cast) => byAdmin(cast, { body: { name: 'sample', organization: HOME }, resource: { type: 'service-account' } }),
  'GET /v1/admin/service-accounts/{accountId}/api-keys': async (cast) => ({ by: cast.stand.admin.browser, path: { accountId: await accountOf(cast) } }),
  'POST /v1/admin/service-accounts/{accountId}/api-keys': async (cast) => {
    const { accountId } = await service(cast);
    return byAdmin(cast, { path: { accountId }, body: { name: 'another', grants: WRITE }, resource: { type: 'api-key' } });
  },
  'POST /v1/admin/service-accounts/{accountId}/disable': async (cast) => overAccount(cast, await accountOf(cast), { reason: 'a sample' }),
  'POST /v1/admin/service-accounts/{accountId}/enable': async (cast) => {
    const accountId = await accountOf(cast);
    wanted(await cast.stand.admin.browser.post(`/v1/admin/service-accounts/${accountId}/disable`, { reason: 'a sample' }), 204);
    return overAccount(cast, accountId);
  },
  'POST /v1/admin/service-accounts/{accountId}/roles': async (cast) => overAccount(cast, await accountOf(cast), { role: 'service', organization: HOME }),
  'POST /v1/admin/service-accounts/{accountId}/roles/revoke': async (cast) => overAccount(cast, (await service(cast)).accountId, { role: 'service', organization: HOME }),
  'POST /v1/events': async (cast) => {
    const { key, name } = await service(cast);
    const event = { id: randomUUID(), type: `http.${name}.sample.sent`, time: new Date().toISOString() };
    return { by: cast.stand.browser(), headers: { authorization: `Bearer ${key}` }, body: event };
  },
};

function byAdmin({ stand: { admin } }: Cast, rest: Omit<Sample, 'by' | 'actor'>): Sample {
  return { by: admin.browser, actor: admin.account.userId, ...rest };
}

const overKey = (cast: Cast, keyId: string): Sample => byAdmin(cast, { path: { keyId }, resource: { type: 'api-key', id: keyId } });
const overAccount = (cast: Cast, accountId: string, body?: unknown): Sample =>
  byAdmin(cast, { path: { accountId }, resource: { type: 'service-account', id: accountId }, ...(body === undefined ? {} : { body }) });

async function ownKey({ stand: { admin } }: Cast): Promise<string> {
  const { json } = wanted(await admin.browser.post('/v1/account/api-keys', { name: 'to be revoked', grants: READ }), 201);
  return (json['apiKey'] as { keyId: string }).keyId;
}

const nameOfAccount = (): string => `sample-${randomUUID().slice(0, 8)}`;

/** A new account of the home organisation. */
async function accountOf({ stand: { admin } }: Cast, name = nameOfAccount()): Promise<string> {
  return wanted(await admin.browser.post('/v1/admin/service-accounts', { name, organization: HOME }), 201).json['accountId'] as string;
}

/** A new account that may send events, with a key. */
export async function service(cast: Cast): Promise<{ readonly accountId: string; readonly name: string; readonly key: string; readonly keyId: string }> {
  const { browser } = cast.stand.admin;
  const name = nameOfAccount();
  const accountId = await accountOf(cast, name);
  wanted(await browser.post(`/v1/admin/service-accounts/${accountId}/roles`, { role: 'service', organization: HOME }), 204);
  const { json } = wanted(await browser.post(`/v1/admin/service-accounts/${accountId}/api-keys`, { name: 'a sample', grants: WRITE }), 201);
  return { accountId, name, key: json['key'] as string, keyId: (json['apiKey'] as { keyId: string }).keyId };
}
