import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { connectBus } from '@countersign/bus';
import { RETENTION_DENIED_EVENT, retentionSubject } from '@countersign/contracts';
import { sessionDigest } from '@countersign/credentials';
import { wanted } from '@countersign/devstack';
import { codeOf, found, type Person, type Stand } from '../fixture/stand.js';

const digestOf = ({ browser }: Person): string => sessionDigest(browser.cookies.get('__Host-session')!);

/** How retention finds out who asks, and who can ask at all. */
export function callerSuite(open: () => Stand): void {
  const list = (standIn: Parameters<Stand['context']>[0], organization?: string) => open().retention.ask('policy-list', open().context(standIn), { organization });

  describe('who asks retention', () => {
    it('is whoever identity says is behind the session that the edge was shown', async () => {
      expect(wanted(await open().admin.browser.get('/v1/retention/policies'), 200).json).toMatchObject({ proposals: [] });
      expect(await list({ sessionDigest: digestOf(open().admin) })).toMatchObject({ proposals: [] });
    });

    it('is nobody for a digest of no session, and for the id of a session', async () => {
      expect(await codeOf(list({ sessionDigest: randomBytes(32).toString('base64url') }))).toBe('UNAUTHENTICATED');
      const { sessionId } = wanted(await open().admin.browser.get('/v1/account/principal'), 200).json as { sessionId: string };
      expect(await codeOf(list({ sessionDigest: sessionId }))).toBe('REQUEST_MALFORMED');
    });

    it('is nobody any more as soon as the session has ended', async () => {
      const person = await open().person();
      const standIn = { sessionDigest: digestOf(person) };
      expect(await codeOf(list(standIn))).toBe('FORBIDDEN');
      wanted(await person.browser.post('/v1/sign-out'), 204);
      expect(await codeOf(list(standIn))).toBe('UNAUTHENTICATED');
    });

    it('is judged by retention itself, whatever the edge let through, and refusals are on record', async () => {
      const person = await open().person();
      expect(await codeOf(list({ sessionDigest: digestOf(person) }))).toBe('FORBIDDEN');
      const denied = await found('the denial', async () => (await open().recorded(RETENTION_DENIED_EVENT)).find(({ entry }) => (entry as { actor?: { id: string } }).actor?.id === person.account.userId));
      expect(denied.parts.find(({ name }) => name === 'data')?.value).toEqual({ operation: 'policy-list', code: 'FORBIDDEN', count: 1 });
    });

    it('is told that there is no such organisation only when he may act in it', async () => {
      expect(await codeOf(list({ sessionDigest: digestOf(open().admin) }, 'nobody'))).toBe('ORGANIZATION_UNKNOWN');
      expect(await codeOf(list({ sessionDigest: digestOf(await open().person()) }, 'nobody'))).toBe('FORBIDDEN');
    });

    it('may be a program, by what identity told the edge about its key, and not by the key’s name alone', async () => {
      const { admin } = open();
      const { key, apiKey } = wanted(await admin.browser.post('/v1/account/api-keys', { name: 'reader', grants: [{ permission: 'retention.read', scope: 'global' }] }), 201).json as { key: string; apiKey: { keyId: string } };
      expect(wanted(await admin.browser.ask('GET', '/v1/retention/policies', { headers: { authorization: `Bearer ${key}`, cookie: '' } }), 200).json).toMatchObject({ proposals: [] });
      expect(await codeOf(list({ keyId: apiKey.keyId, keyDigest: randomBytes(32).toString('base64url') }))).toBe('API_KEY_REFUSED');
    });
  });

  describe('on the bus', () => {
    it.each(['services', 'identity', 'keys', 'operator'] as const)('%s cannot ask retention under the name of the edge', async (user) => {
      const bus = await connectBus({ url: open().stack.nats.url, nkeySeedFile: open().stack.nats.users[user], name: user });
      const request = JSON.stringify({ context: open().context({ sessionDigest: digestOf(open().admin) }), args: {} });
      await expect(bus.request(retentionSubject('policy-list', 'edge'), request, { timeoutMs: 2_000 })).rejects.toMatchObject({ code: expect.stringMatching(/^(FORBIDDEN|NO_RESPONDERS)$/) });
      await bus.close();
    });

    it('retention asks identity who somebody is, and nothing else', async () => {
      const bus = await connectBus({ url: open().stack.nats.url, nkeySeedFile: open().stack.nats.users.retention, name: 'retention' });
      await expect(bus.request('identity.session-check.edge', '{}', { timeoutMs: 2_000 })).rejects.toMatchObject({ code: expect.stringMatching(/^(FORBIDDEN|NO_RESPONDERS)$/) });
      await expect(bus.request('identity.user-list.retention', '{}', { timeoutMs: 2_000 })).rejects.toMatchObject({ code: expect.stringMatching(/^(FORBIDDEN|NO_RESPONDERS)$/) });
      await bus.close();
    });
  });
}
