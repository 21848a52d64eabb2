import { beforeAll, describe, expect, it } from '@jest/globals';
import { HOLD_SCOPE_BYTES_MAX, type RetentionOutcome } from '@countersign/contracts';
import { wanted, type Browser } from '@countersign/devstack';
import { found, type Person, type Stand } from '../fixture/stand.js';

const HERE = '/v1/organizations/home/retention';
const CONTRACT = 'type=contract&id=c1&class=legal&subject=user-7&created=2026-01-31T12:00:00Z';
const told = ({ verdict, until, reasons }: RetentionOutcome): unknown => ({ verdict, until, why: reasons.map(({ code }) => code) });

/** Somebody who agrees with the administrator, or whom he agrees with; one a stand. */
const officers = new WeakMap<Stand, Promise<Person>>();
function officerOf(stand: Stand): Promise<Person> {
  const officer = officers.get(stand) ?? stand.person('privacy-officer');
  officers.set(stand, officer);
  return officer;
}

/** Policies, as people meet them at the edge. */
export function policySuite(open: () => Stand): void {
  let stand: Stand;
  let officer: Person;
  let admin: Browser;
  beforeAll(async () => {
    stand = open();
    admin = stand.admin.browser;
    officer = await officerOf(stand);
  }, 60_000);

  const explained = async (at: string, resource = CONTRACT): Promise<RetentionOutcome> => wanted(await admin.get(`${HERE}/explain?${resource}&at=${at}T12:00:00Z`), 200).json as unknown as RetentionOutcome;

  describe('policies', () => {
    it('are changed by one person where they keep, by two where they destroy, and explained', async () => {
      const kept = wanted(await admin.post(`${HERE}/policies`, { rule: { name: 'Contracts', type: 'contract', keep: { years: 7 }, byLaw: 'HGB § 257' }, reason: 'law' }), 200).json;
      expect(kept).toMatchObject({ state: 'in-force' });
      const asked = wanted(await officer.browser.post(`${HERE}/policies`, { rule: { name: 'All', dispose: { after: { years: 1 }, action: 'scrub' } }, reason: 'minimise' }), 200).json as { state: string; proposalId: string; policyId: string };
      expect(asked.state).toBe('proposed');
      expect(told(await explained('2034-01-01'))).toEqual({ verdict: 'unruled', until: undefined, why: ['NO_DISPOSAL'] });
      expect((await officer.browser.post(`${HERE}/proposals/${asked.proposalId}/approve`)).json.code).toBe('SECOND_PERSON_REQUIRED');
      wanted(await admin.post(`${HERE}/proposals/${asked.proposalId}/approve`), 204);
      expect(told(await explained('2026-06-01'))).toEqual({ verdict: 'kept', until: '2033-01-31T12:00:00.000Z', why: ['KEPT_BY_LAW', 'DISPOSAL'] });
      expect(await explained('2033-01-31')).toMatchObject({ verdict: 'due', action: 'scrub' });
      const { policies, proposals } = wanted(await admin.get(`${HERE}/policies`), 200).json as { policies: { policyId: string; setBy: string; approvedBy?: string }[]; proposals: unknown[] };
      expect(policies.find(({ policyId }) => policyId === asked.policyId)).toMatchObject({ setBy: officer.account.userId, approvedBy: stand.admin.account.userId });
      expect(proposals).toEqual([]);
    });

    it('of the installation count for organisations, whose own do not count elsewhere', async () => {
      wanted(await admin.post('/v1/retention/policies', { rule: { name: 'Floor', type: 'invoice', keep: { years: 10 } }, reason: 'law' }), 200);
      expect(told(await explained('2026-06-01', CONTRACT.replace('contract', 'invoice')))).toMatchObject({ verdict: 'kept', until: '2036-01-31T12:00:00.000Z' });
      const outcome = wanted(await admin.get(`/v1/retention/explain?${CONTRACT}&at=2026-06-01T12:00:00Z`), 200).json;
      expect(outcome).toMatchObject({ verdict: 'unruled' });
    });

    it('that an installation starts with speak of sessions and backups, and of nothing in a ledger', async () => {
      const { policies } = wanted(await admin.get('/v1/retention/policies'), 200).json as { policies: { policyId: string; setBy: string; rule: { type: string; dispose: unknown } }[] };
      const first = policies.filter(({ setBy }) => setBy === 'installation');
      expect(first.map(({ rule }) => rule.type)).toEqual(['api-key', 'system.backup', 'invitation', 'session', 'sign-in-device']);
      expect(first.find(({ policyId }) => policyId === 'default-session')?.rule.dispose).toEqual({ after: { days: 30 }, action: 'delete' });
      const ended = '/v1/retention/explain?type=session&id=s1&class=security&created=2026-01-01T12:00:00Z&closed=2026-01-02T12:00:00Z&clock=closed&actions=delete';
      expect(wanted(await admin.get(`${ended}&at=2026-02-01T12:00:00Z`), 200).json).toMatchObject({ verdict: 'due', action: 'delete' });
    });

    it('asked for twice under one Idempotency-Key are made once', async () => {
      const send = () => admin.ask('POST', `${HERE}/policies`, { body: { rule: { name: 'Once', type: 'once', keep: { days: 1 } }, reason: 'a test' }, headers: { 'idempotency-key': 'once' } });
      const [first, second] = [wanted(await send(), 200), wanted(await send(), 200)];
      expect([second.json, second.headers['idempotency-replayed']]).toEqual([first.json, 'true']);
      const { policies } = wanted(await admin.get(`${HERE}/policies`), 200).json as { policies: { rule: { name: string } }[] };
      expect(policies.filter(({ rule }) => rule.name === 'Once')).toHaveLength(1);
    });

    it('are not changed by somebody who may only read them', async () => {
      const { browser } = await stand.person('auditor');
      const tried = await browser.post(`${HERE}/policies`, { rule: { name: 'x', keep: { days: 1 } }, reason: 'a test' });
      expect([tried.status, tried.json.code, (await browser.get(`${HERE}/policies`)).status]).toEqual([403, 'FORBIDDEN', 200]);
    });
  });
}

/** Holds, in the same way. */
export function holdSuite(open: () => Stand): void {
  let officer: Person;
  let admin: Browser;
  beforeAll(async () => {
    const stand = open();
    admin = stand.admin.browser;
    officer = await officerOf(stand);
  }, 60_000);

  describe('a hold', () => {
    it('names as many as it may, each of which it keeps; of more it says how many it may', async () => {
      const ids = Array.from({ length: 1_001 }, (_, at) => `named-${at}`);
      const place = (subjects: readonly string[]) => admin.post(`${HERE}/holds`, { matter: 'many', scope: { types: ['parcel'], subjects }, reason: 'r' });
      wanted(await place(ids.slice(0, 1_000)), 201);
      const verdictOf = async (subject: string): Promise<string> => (wanted(await admin.get(`${HERE}/explain?${CONTRACT.replace('contract', 'parcel').replace('user-7', subject)}`), 200).json as unknown as RetentionOutcome).verdict;
      expect([await verdictOf('named-0'), await verdictOf('named-999'), await verdictOf('named-1000')]).toEqual(['held', 'held', 'waiting']);
      const tooMany = await place(ids);
      expect([tooMany.status, tooMany.json]).toEqual([400, expect.objectContaining({ code: 'REQUEST_INVALID', field: 'scope.subjects', detail: expect.stringContaining('1000') })]);
      const tooLarge = await place(ids.slice(0, 200).map((id) => id.padEnd(256, 'x')));
      expect([tooLarge.status, tooLarge.json]).toEqual([400, expect.objectContaining({ code: 'HOLD_TOO_LARGE', field: 'scope', detail: expect.stringContaining(String(HOLD_SCOPE_BYTES_MAX)) })]);
    });

    it('is listed, also where all together name more than one answer has room for', async () => {
      const subjects = Array.from({ length: 180 }, (_, at) => `long-${at}`.padEnd(256, 'x'));
      const placed = new Set<string>();
      for (let count = 0; count < 25; count++) placed.add(wanted(await admin.post('/v1/retention/holds', { matter: 'long', scope: { types: ['parcel'], subjects }, reason: 'r' }), 201).json['holdId'] as string);
      const listed: string[] = [];
      for (let after: string | undefined = ''; after !== undefined; ) {
        const page = wanted(await admin.get(`/v1/retention/holds?limit=50${after === '' ? '' : `&after=${after}`}`), 200).json as { holds: { holdId: string }[]; next?: string };
        listed.push(...page.holds.map(({ holdId }) => holdId));
        after = page.next;
      }
      expect(listed).toEqual([...new Set(listed)].sort());
      expect(listed.filter((holdId) => placed.has(holdId))).toHaveLength(placed.size);
    });

    it('is in force when placed, let go by two people, and announced; the ledger proves when it was in force', async () => {
      const { holdId, inForceSince } = wanted(await officer.browser.post(`${HERE}/holds`, { matter: 'Audit 2026', scope: { subjects: ['user-7'], query: 'type:cont*' }, reason: 'letter of 2 November' }), 201).json as Record<string, string>;
      const now = () => admin.get(`${HERE}/explain?${CONTRACT}`).then((answer) => wanted(answer, 200).json as unknown as RetentionOutcome);
      expect((await now()).verdict).toBe('held');
      wanted(await officer.browser.post(`${HERE}/holds/${holdId}/ask-release`, { reason: 'settled' }), 204);
      expect((await officer.browser.post(`${HERE}/holds/${holdId}/release`)).json.code).toBe('SECOND_PERSON_REQUIRED');
      expect((await now()).verdict).toBe('held');
      wanted(await admin.post(`${HERE}/holds/${holdId}/release`), 204);
      expect((await now()).reasons.map(({ code }) => code)).toContain('HOLD_RELEASED_LATELY');
      expect((await admin.post(`${HERE}/holds/${holdId}/release`)).json.code).toBe('HOLD_RELEASED');
      const { proofs, hold } = await found('receipts of all events', async () => {
        const shown = wanted(await admin.get(`${HERE}/holds/${holdId}`), 200).json as unknown as { hold: { releasedAt: string }; proofs: { type: string; eventId: string; at: string; ledger: string; index?: number }[] };
        return shown.proofs.every(({ index }) => index !== undefined) ? shown : undefined;
      });
      expect(proofs.map(({ type, ledger }) => `${ledger} ${type}`)).toEqual(['home retention.hold.placed', 'home retention.hold.release-asked', 'home retention.hold.released']);
      expect([proofs[0]!.at, hold.releasedAt >= inForceSince!]).toEqual([inForceSince, true]);
      wanted(await admin.get(`/v1/ledgers/home/receipts/${proofs[0]!.eventId}`), 200);
    });

    it('of one organisation is unknown to another, and to the installation', async () => {
      const { holdId } = wanted(await admin.post(`${HERE}/holds`, { matter: 'm', scope: { everything: true }, reason: 'r' }), 201).json as Record<string, string>;
      expect([(await admin.get(`/v1/retention/holds/${holdId}`)).json.code, (await admin.post(`/v1/retention/holds/${holdId}/ask-release`, { reason: 'r' })).json.code]).toEqual(['HOLD_UNKNOWN', 'HOLD_UNKNOWN']);
    });

    it.each([
      ['QUERY_MALFORMED', { query: 'everything please' }],
      ['REQUEST_INVALID', {}],
      ['REQUEST_INVALID', { everything: true, types: ['contract'] }],
    ])('is refused with %s for %j', async (code, scope) => {
      expect((await admin.post(`${HERE}/holds`, { matter: 'm', scope, reason: 'r' })).json.code).toBe(code);
    });
  });
}
