import { setTimeout as sleep } from 'node:timers/promises';
import { wanted } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';
import type { Cast, Make, Sample } from './cast.js';
import { HOME, type Person } from './whole-stand.js';

const WAIT_MS_MAX = 30_000;
const POLL_MS = 50;

const reads: Make = async ({ stand }) => ({ by: stand.admin.browser, path: { organization: HOME } });
const own: Make = async (cast) => cast.own(await cast.stand.person(), { body: {}, resource: { type: 'subject-request' } });

/** Somebody's own request, in the state that the sample needs. */
async function ofPerson({ stand }: Cast, kind: string, state: string): Promise<{ readonly person: Person; readonly requestId: string }> {
  const person = await stand.person();
  const { requestId } = wanted(await person.browser.post(`/v1/account/privacy/${kind}`, {}), 202).json as { requestId: string };
  for (const endMs = performance.now() + WAIT_MS_MAX; performance.now() < endMs; await sleep(POLL_MS)) {
    const { requests } = wanted(await person.browser.get('/v1/account/privacy/requests'), 200).json as { requests: { requestId: string; state: string }[] };
    if (requests.some((one) => one.requestId === requestId && one.state === state)) return { person, requestId };
  }
  throw new Error(`the request is not ${state}`);
}

/** A request that came in by another way, and what the administrator does with it. */
async function entered({ stand: { admin } }: Cast, subject: string, body: unknown): Promise<Sample> {
  const { requestId } = wanted(await admin.browser.post('/v1/privacy/requests', { kind: 'correct', tenant: HOME, subject }), 201).json as { requestId: string };
  return overRequest(admin, requestId, body);
}

const overRequest = (admin: Person, requestId: string, body: unknown): Sample => ({ by: admin.browser, actor: admin.account.userId, path: { requestId }, resource: { type: 'subject-request', id: requestId }, body });

/** Samples of requests of data subjects; see samples.ts. */
export const PRIVACY_SAMPLES: Readonly<Record<string, Make>> = {
  'GET /v1/account/privacy': reads,
  'GET /v1/account/privacy/requests': reads,
  'POST /v1/account/privacy/export': own,
  'POST /v1/account/privacy/correct': own,
  'POST /v1/account/privacy/restrict': own,
  'POST /v1/account/privacy/delete': own,
  'POST /v1/account/privacy/requests/{requestId}/withdraw': async (cast) => {
    const { person, requestId } = await ofPerson(cast, 'correct', 'waiting');
    return cast.own(person, { path: { requestId }, resource: { type: 'subject-request', id: requestId } });
  },
  'POST /v1/account/privacy/requests/{requestId}/link': async (cast) => {
    const { person, requestId } = await ofPerson(cast, 'export', 'ready');
    return cast.own(person, { path: { requestId }, resource: { type: 'file' } });
  },
  'GET /v1/privacy/requests': reads,
  'GET /v1/privacy/requests/{requestId}': async (cast) => ({ by: cast.stand.admin.browser, path: { requestId: (await ofPerson(cast, 'correct', 'waiting')).requestId } }),
  'POST /v1/privacy/requests': async ({ stand: { admin } }) => ({ by: admin.browser, actor: admin.account.userId, body: { kind: 'correct', tenant: HOME, subject: 'sample-0' }, resource: { type: 'subject-request' } }),
  'POST /v1/privacy/requests/{requestId}/verify': (cast) => entered(cast, 'sample-1', { how: 'a sample' }),
  'POST /v1/privacy/requests/{requestId}/extend': (cast) => entered(cast, 'sample-2', { reason: 'a sample' }),
  'POST /v1/privacy/requests/{requestId}/complete': async (cast) => overRequest(cast.stand.admin, (await ofPerson(cast, 'correct', 'waiting')).requestId, { outcome: 'a sample' }),
  'POST /v1/privacy/requests/{requestId}/refuse': (cast) => entered(cast, 'sample-3', { reason: 'a sample' }),
  'GET /v1/privacy/restrictions': reads,
  'POST /v1/privacy/requests/{requestId}/lift': async (cast) => overRequest(cast.stand.admin, (await ofPerson(cast, 'restrict', 'waiting')).requestId, { reason: 'a sample' }),
  'POST /v1/account/privacy/restriction/lift': async (cast) => {
    const { person, requestId } = await ofPerson(cast, 'restrict', 'waiting');
    return cast.own(person, { resource: { type: 'subject-request', id: requestId } });
  },
  'GET /v1/files/{token}': async (cast) => {
    const { person, requestId } = await ofPerson(cast, 'export', 'ready');
    const { url } = wanted(await person.browser.post(`/v1/account/privacy/requests/${requestId}/link`), 200).json as { url: string };
    return { by: cast.stand.browser(), path: { token: url.split('/').at(-1)! } };
  },
  'GET /v1/certificates/{token}': async ({ stand }) => {
    const { browser } = await stand.person();
    const { requestId, certificateUrl } = wanted(await browser.post('/v1/account/privacy/delete', {}), 202).json as { requestId: string; certificateUrl: string };
    // The hour in which it could be withdrawn is over, as the superuser can have it.
    await withClient(stand.stack.databaseUrl('retention'), (client) => client.query('UPDATE subject_requests SET next_at = now() WHERE request_id = $1', [requestId]));
    const by = stand.browser();
    for (const endMs = performance.now() + WAIT_MS_MAX; performance.now() < endMs; await sleep(POLL_MS)) {
      if ((await by.get(certificateUrl)).status === 200) return { by, path: { token: certificateUrl.split('/').at(-1)! } };
    }
    throw new Error('there is no certificate');
  },
};
