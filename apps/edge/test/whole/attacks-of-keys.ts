import { randomUUID } from 'node:crypto';
import { newApiKey } from '@countersign/credentials';
import { wanted, type Browser, type BrowserAnswer } from '@countersign/devstack';
import type { Attack, Attempt } from './attacks.js';
import { Cast } from './cast.js';
import { service } from './samples-of-keys.js';
import { ELSEWHERE, type WholeStand } from './whole-stand.js';

const REFUSED = 'identity.api-key.refused';

const stranger = (stand: WholeStand): Browser => stand.browser(stand.origins.usual);

/** Sends an event of the service under the key, from an address that nobody knows. */
function send(stand: WholeStand, attempt: Attempt, { key, name }: { readonly key: string; readonly name: string }, change: object = {}): Promise<BrowserAnswer> {
  const event = { id: randomUUID(), type: `http.${name}.sample.sent`, time: new Date().toISOString(), ...change };
  return attempt(stranger(stand), 'POST', '/v1/events', { body: event, headers: { authorization: `Bearer ${key}` } });
}

/** With API keys. */
export const KEY_ATTACKS: readonly Attack[] = [
  {
    attack: 'API key guessing', status: 401, code: 'API_KEY_REFUSED', recorded: REFUSED, data: { why: 'API_KEY_REFUSED', count: 1 },
    run: (stand, attempt) => send(stand, attempt, { key: newApiKey().text, name: 'billing' }),
  },
  {
    attack: 'a stolen API key after it was revoked', status: 401, code: 'API_KEY_REVOKED', recorded: REFUSED, data: { why: 'API_KEY_REVOKED', count: 1 },
    async run(stand, attempt) {
      const made = await service(new Cast(stand));
      wanted(await send(stand, (browser, method, path, asked) => browser.ask(method, path, asked), made), 200);
      wanted(await stand.admin.browser.ask('DELETE', `/v1/admin/api-keys/${made.keyId}`), 204);
      return send(stand, attempt, made);
    },
  },
  {
    attack: 'scope escalation: an API key that may do more than its maker', status: 403, code: 'GRANT_EXCEEDS_OWN', recorded: 'identity.request.denied', data: { operation: 'api-key-create', code: 'GRANT_EXCEEDS_OWN', count: 1 },
    async run(stand, attempt) {
      const { browser } = await stand.person(stand.origins.usual);
      return attempt(browser, 'POST', '/v1/account/api-keys', { body: { name: 'more', grants: [{ permission: 'user.read', scope: 'global' }] } });
    },
  },
  {
    attack: 'tenant hopping: an event for the ledger of another organisation', status: 422, code: 'EVENT_TENANT_MISMATCH',
    run: async (stand, attempt) => send(stand, attempt, await service(new Cast(stand)), { tenant: ELSEWHERE }),
  },
  {
    attack: 'an event in the name of another service', status: 422, code: 'EVENT_SOURCE_MISMATCH',
    run: async (stand, attempt) => send(stand, attempt, await service(new Cast(stand)), { type: 'http.another.sample.sent' }),
  },
];
