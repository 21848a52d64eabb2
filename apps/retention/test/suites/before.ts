import { describe, expect, it } from '@jest/globals';
import type { DryRunPart, HolderResult, RetentionResult } from '@countersign/contracts';
import { wanted } from '@countersign/devstack';
import { HolderClient } from '@countersign/holder';
import { found, type Stand } from '../fixture/stand.js';
import { SweepStand } from '../fixture/sweep-stand.js';

const HERE = '/v1/organizations/home/retention';
type HoldPlaced = RetentionResult<'hold-place'>;

/** What a change of policies would do, before it does. */
export function dryRunSuite(open: () => Stand): void {
  describe('a dry run', () => {
    it('says what would be due at once, with the reasons now and then, and nothing happens', async () => {
      const stand = open();
      const admin = stand.admin.browser;
      const leaver = await stand.person();
      wanted(await leaver.browser.post('/v1/sign-out'), 204);
      const try_ = async (path: string, rule: unknown, by = admin): Promise<DryRunPart> => wanted(await by.get(`${path}/dry-run?rule=${encodeURIComponent(JSON.stringify(rule))}`), 200).json as unknown as DryRunPart;
      const ENDED = { name: 'Sessions', type: 'session', dispose: { after: { days: 0 }, action: 'delete' } };
      const part = await try_(HERE, ENDED);
      expect(part).toMatchObject({ needsApproval: true, isComplete: true, unanswered: [] });
      expect(part.dueAtOnce).toBeGreaterThan(0);
      const sample = part.samples.find(({ type, after: { verdict } }) => type === 'session' && verdict === 'due')!;
      expect([sample.before.verdict, sample.before.reasons[0]?.code, sample.after.action, sample.after.reasons[0]?.code, sample.tenant]).toEqual(['waiting', 'DISPOSAL', 'delete', 'DISPOSAL', undefined]);
      expect((await try_(HERE, { name: 'Sessions', type: 'session', keep: { years: 1 } })).needsApproval).toBe(false);
      expect((await try_('/v1/retention', ENDED)).samples.map(({ tenant }) => tenant)).toContain('home');
      const { policies, proposals } = wanted(await admin.get(`${HERE}/policies`), 200).json as { policies: { rule: { name: string } }[]; proposals: unknown[] };
      expect([policies.some(({ rule }) => rule.name === 'Sessions'), proposals]).toEqual([false, []]);
      const refused = async (query: string, by = admin): Promise<unknown> => (await by.get(`${HERE}/dry-run?${query}`)).json.code;
      expect(await refused('policyId=none')).toBe('POLICY_UNKNOWN');
      expect(await refused('proposalId=none')).toBe('PROPOSAL_UNKNOWN');
      expect(await refused(`rule=${encodeURIComponent(JSON.stringify({ ...ENDED, keep: { days: 1 } }))}`)).toBe('POLICY_CONTRADICTS');
      expect(await refused(`rule=${encodeURIComponent(JSON.stringify(ENDED))}&after=AAAA`)).toBe('REQUEST_MALFORMED');
      expect(await refused('rule=no')).toBe('REQUEST_INVALID');
      expect(await refused(`rule=${encodeURIComponent(JSON.stringify(ENDED))}`, (await stand.person()).browser)).toBe('FORBIDDEN');
    });
  });
}

/** What was before a hold. */
export function lateHoldSuite(open: () => Stand): void {
  describe('a hold that comes late', () => {
    it('says what a deletion that was running had done before, and what nobody can tell', async () => {
      const stand = open();
      const admin = stand.admin.browser;
      const sweep = await SweepStand.over(stand.stack, stand.platform);
      const real = new HolderClient(sweep.bus);
      const types = (holder: string) => async () => [{ type: 'session', holder, clock: 'created', actions: ['delete'], classes: ['security'], orderMax: 10, isRange: false }] as const;
      const place = async (userId: string): Promise<HoldPlaced> => wanted(await admin.post(`${HERE}/holds`, { matter: 'm', scope: { subjects: [userId] }, reason: 'r' }), 201).json as unknown as HoldPlaced;
      /** Identity carries an order out, and a hold comes before the sweeper has heard of it. */
      const placedLate = async (userId: string): Promise<HoldPlaced> => {
        const [executed, heard] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        const late: Pick<HolderClient, 'ask'> = {
          ask: async (holder, operation, args, timeoutMs) => {
            const answer = await real.ask(holder, operation, args, timeoutMs);
            if (operation === 'held-list') return { resources: (answer as HolderResult<'held-list'>).resources.filter(({ subject }) => subject === userId) } as never;
            executed.resolve();
            await heard.promise;
            return answer;
          },
        };
        sweep.policies = [{ id: 'ended', version: 1, dispose: { after: { days: 0 }, action: 'delete' } }];
        const sweeping = sweep.sweeperOver(late, { types: types('identity') }).sweep();
        await executed.promise;
        const placed = await place(userId);
        heard.resolve();
        expect((await sweeping).failures).toBe(0);
        return placed;
      };
      try {
        const { placed, userId } = await found('a hold before anybody has heard', async () => {
          const { account, browser } = await stand.person();
          wanted(await browser.post('/v1/sign-out'), 204);
          const late = await placedLate(account.userId);
          // The sweeper of the service beside us has asked identity first.
          return late.goneBefore === undefined ? undefined : { placed: late, userId: account.userId };
        });
        expect(placed).toEqual({ holdId: expect.any(String), inForceSince: expect.any(String), goneBefore: [{ order: expect.any(String), type: 'session', resources: 1 }] });
        const onRecord = async () => (await stand.recorded('retention.deletion.executed', 'home')).filter(({ entry }) => JSON.stringify(entry).includes(placed.goneBefore![0]!.order));
        expect(await found('the deletion on record', async () => ((await onRecord()).length > 0 ? onRecord() : undefined))).toHaveLength(1);
        // An owner that lists what it holds and is away afterwards.
        const session = { type: 'session', id: 's1', tenant: 'home', class: 'security', subject: userId, created: '2026-01-01T00:00:00Z', closed: '2026-01-02T00:00:00Z' };
        const away: Pick<HolderClient, 'ask'> = { ask: async (holder, operation, args) => (operation === 'held-list' ? ({ resources: [session] } as never) : real.ask(holder, operation, args, 200)) };
        expect((await sweep.sweeperOver(away, { types: types('post') }).sweep()).failures).toBe(1);
        const { undecided } = await place(userId);
        expect(undecided).toEqual([{ order: expect.any(String), type: 'session', resources: 1, voidAt: expect.any(String) }]);
        expect(Date.parse(undecided![0]!.voidAt)).toBeGreaterThan(Date.now());
      } finally {
        await sweep.sql('retention', `DELETE FROM deletion_orders WHERE holder = 'post'`);
        await sweep.leave();
      }
    });
  });
}
