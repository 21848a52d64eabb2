import { describe, expect, it } from '@jest/globals';
import { POLICIES_MAX, PROPOSAL_MS, PROPOSALS_MAX, RELEASE_ASKED_MS, type RetentionRule } from '@countersign/contracts';
import { holdAggregate, type HoldCommand, type HoldEvent, type LegalHold } from '../src/domain/hold.js';
import { policySetAggregate, type PolicySet, type PolicySetCommand, type PolicySetEvent } from '../src/domain/policy-set.js';
import { RetentionFault } from '../src/domain/retention-fault.js';

const NOW_MS = Date.parse('2026-11-22T12:00:00Z');
const KEEP: RetentionRule = { name: 'Contracts', type: 'contract', keep: { years: 7 } };
const DESTROY: RetentionRule = { name: 'Messages', dispose: { after: { days: 30 }, action: 'delete' } };

type PolicyStep = PolicySetCommand extends infer C ? (C extends PolicySetCommand ? Omit<C, 'nowMs' | 'origin'> & { readonly nowMs?: number } : never) : never;
type HoldStep = HoldCommand extends infer C ? (C extends HoldCommand ? Omit<C, 'nowMs' | 'origin' | 'holdId'> & { readonly nowMs?: number } : never) : never;

const change = (by: string, policyId: string, rule: RetentionRule | undefined, rest: { readonly version?: number; readonly proposalId?: string } = {}): PolicyStep => ({ type: 'change', by, policyId, rule, version: rest.version, proposalId: rest.proposalId ?? `proposal of ${policyId}`, reason: 'a test' });
const approve = (by: string, proposalId: string, nowMs = NOW_MS): PolicyStep => ({ type: 'approve', by, proposalId, nowMs });

/** The set after all steps, and the types of the last one's events. */
function policiesAfter(steps: readonly PolicyStep[]): { readonly set: PolicySet; readonly last: readonly PolicySetEvent[] } {
  let set = policySetAggregate.initialState;
  let last: readonly PolicySetEvent[] = [];
  for (const step of steps) {
    last = policySetAggregate.decide({ nowMs: NOW_MS, ...step, origin: undefined }, set);
    set = last.reduce((state, event) => policySetAggregate.evolve(state, event), set);
  }
  return { set, last };
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof RetentionFault) return error.code;
    throw error;
  }
  return 'none';
}

const typesOf = (steps: readonly PolicyStep[]): string[] => policiesAfter(steps).last.map(({ type }) => type);

describe('a policy', () => {
  it('that only keeps is in force at once', () => {
    expect(typesOf([change('ana', 'p1', KEEP)])).toEqual(['retention.policy.changed']);
  });

  it.each<[string, RetentionRule, RetentionRule | undefined, 'changed' | 'proposed']>([
    ['keeps longer', KEEP, { ...KEEP, keep: { years: 8 } }, 'changed'],
    ['keeps for ever', KEEP, { ...KEEP, keep: 'for-ever' }, 'changed'],
    ['gets a law', KEEP, { ...KEEP, byLaw: 'HGB § 257' }, 'changed'],
    ['gets another name', KEEP, { ...KEEP, name: 'Agreements' }, 'changed'],
    ['keeps shorter', KEEP, { ...KEEP, keep: { years: 6 } }, 'proposed'],
    ['keeps months instead of days', { ...KEEP, keep: { days: 30 } }, { ...KEEP, keep: { months: 1 } }, 'proposed'],
    ['loses its law', { ...KEEP, byLaw: 'HGB § 257' }, KEEP, 'proposed'],
    ['speaks of another type', KEEP, { ...KEEP, type: 'invoice' }, 'proposed'],
    ['is to destroy', KEEP, { ...KEEP, dispose: { after: { years: 7 }, action: 'delete' } }, 'proposed'],
    ['is removed', KEEP, undefined, 'proposed'],
  ])('that %s is %s', (_what, before, after, outcome) => {
    expect(typesOf([change('ana', 'p1', before), change('ana', 'p1', after)])).toEqual([`retention.policy.${outcome}`]);
  });

  it('that destroys waits for a second person, and names both afterwards', () => {
    expect(typesOf([change('ana', 'p1', DESTROY)])).toEqual(['retention.policy.proposed']);
    const { set, last } = policiesAfter([change('ana', 'p1', DESTROY), approve('bob', 'proposal of p1')]);
    expect(last[0]).toMatchObject({ type: 'retention.policy.changed', data: { policyId: 'p1', version: 1, setBy: 'ana', approvedBy: 'bob' } });
    expect([set.policies.get('p1')?.rule, set.proposals.size]).toEqual([DESTROY, 0]);
  });

  it('that waits longer before it destroys is in force at once, and one that waits shorter is not', () => {
    const agreed = [change('ana', 'p1', DESTROY), approve('bob', 'proposal of p1')];
    const after = (days: number): PolicyStep => change('ana', 'p1', { ...DESTROY, dispose: { after: { days }, action: 'delete' } });
    expect([typesOf([...agreed, after(31)]), typesOf([...agreed, after(29)])]).toEqual([['retention.policy.changed'], ['retention.policy.proposed']]);
  });

  it('is removed by two people', () => {
    const { set } = policiesAfter([change('ana', 'p1', KEEP), change('ana', 'p1', undefined), approve('bob', 'proposal of p1')]);
    expect(set.policies.size).toBe(0);
  });

  it('that an installation starts with is set once, and only where nobody has decided anything', () => {
    const begin: PolicyStep = { type: 'begin', by: 'installation', policies: [{ policyId: 'd1', rule: DESTROY }, { policyId: 'd2', rule: KEEP }], reason: 'a test' };
    expect([...policiesAfter([begin]).set.policies]).toEqual([['d1', { rule: DESTROY, version: 1 }], ['d2', { rule: KEEP, version: 1 }]]);
    expect([typesOf([begin, begin]), typesOf([change('ana', 'p1', KEEP), begin]), typesOf([change('ana', 'p1', DESTROY), begin])]).toEqual([[], [], []]);
  });

  it('of a type that came later is set where others were decided on before, once, and not where somebody has decided on it', () => {
    const begin: PolicyStep = { type: 'begin', by: 'installation', policies: [{ policyId: 'd1', rule: DESTROY }, { policyId: 'd2', rule: DESTROY, isOfLaterType: true }], reason: 'a test' };
    expect([...policiesAfter([change('ana', 'p1', KEEP), begin]).set.policies.keys()]).toEqual(['p1', 'd2']);
    expect([typesOf([change('ana', 'p1', KEEP), begin, begin]), typesOf([change('ana', 'd2', KEEP), begin]), typesOf([change('ana', 'd2', KEEP), change('ana', 'd2', undefined), approve('bob', 'proposal of d2'), begin])]).toEqual([[], [], []]);
  });

  it('that is what it was is no change', () => {
    expect(typesOf([change('ana', 'p1', KEEP), change('bob', 'p1', KEEP)])).toEqual([]);
  });

  it.each<[string, string, readonly PolicyStep[]]>([
    ['SECOND_PERSON_REQUIRED', 'whoever proposed agrees', [change('ana', 'p1', DESTROY), approve('ana', 'proposal of p1')]],
    ['PROPOSAL_UNKNOWN', 'it was agreed to before', [change('ana', 'p1', DESTROY), approve('bob', 'proposal of p1'), approve('bob', 'proposal of p1')]],
    ['PROPOSAL_UNKNOWN', 'it was withdrawn', [change('ana', 'p1', DESTROY), { type: 'withdraw', by: 'ana', proposalId: 'proposal of p1', reason: 'a test' }, approve('bob', 'proposal of p1')]],
    ['PROPOSAL_EXPIRED', 'a week has gone by', [change('ana', 'p1', DESTROY), approve('bob', 'proposal of p1', NOW_MS + PROPOSAL_MS)]],
    ['CONFLICT', 'the policy has changed since', [change('ana', 'p1', KEEP), change('ana', 'p1', undefined), change('bob', 'p1', { ...KEEP, keep: { years: 9 } }), approve('bob', 'proposal of p1')]],
    ['CONFLICT', 'another version was meant', [change('ana', 'p1', KEEP), change('ana', 'p1', { ...KEEP, keep: { years: 9 } }, { version: 2 })]],
    ['POLICY_UNKNOWN', 'what is not there is removed', [change('ana', 'p1', undefined)]],
    ['POLICY_CONTRADICTS', 'it destroys what it keeps', [change('ana', 'p1', { ...KEEP, dispose: { after: { years: 6 }, action: 'delete' } })]],
    ['POLICY_CONTRADICTS', 'it destroys what it keeps for ever', [change('ana', 'p1', { ...KEEP, keep: 'for-ever', dispose: { after: { years: 6 }, action: 'delete' } })]],
    ['POLICIES_TOO_MANY', 'there are enough', Array.from({ length: POLICIES_MAX + 1 }, (_, at) => change('ana', `p${at}`, KEEP))],
    ['PROPOSALS_TOO_MANY', 'too many wait', Array.from({ length: PROPOSALS_MAX + 1 }, (_, at) => change('ana', `p${at}`, DESTROY))],
  ])('is refused with %s when %s', (code, _when, steps) => {
    expect(codeOf(() => policiesAfter(steps.slice(0, -1)))).toBe('none');
    expect(codeOf(() => policiesAfter(steps))).toBe(code);
  });
});

const PLACE: HoldStep = { type: 'place', by: 'ana', matter: 'Audit', scope: { everything: true }, custodian: undefined, reason: 'a test' };
const ask = (by: string, nowMs = NOW_MS): HoldStep => ({ type: 'ask-release', by, reason: 'a test', nowMs });
const release = (by: string, nowMs = NOW_MS): HoldStep => ({ type: 'release', by, nowMs });

function holdAfter(steps: readonly HoldStep[]): LegalHold | undefined {
  return steps.reduce<LegalHold | undefined>((hold, step) => {
    const events: readonly HoldEvent[] = holdAggregate.decide({ nowMs: NOW_MS, ...step, holdId: 'h1', origin: undefined }, hold);
    return events.reduce((state, event) => holdAggregate.evolve(state, event), hold);
  }, holdAggregate.initialState);
}

describe('a hold', () => {
  it('is released by two people, whoever placed it', () => {
    expect([holdAfter([PLACE, ask('ana')])?.state, holdAfter([PLACE, ask('ana'), release('bob')])?.state, holdAfter([PLACE, ask('bob'), release('ana')])?.state]).toEqual(['in-force', 'released', 'released']);
  });

  it('stays in force when the release is turned down, until it is asked for again', () => {
    const refused: HoldStep[] = [PLACE, ask('ana'), { type: 'refuse-release', by: 'bob', reason: 'a test' }];
    expect([codeOf(() => holdAfter([...refused, release('bob')])), holdAfter([...refused, ask('ana'), release('bob')])?.state]).toEqual(['RELEASE_NOT_ASKED', 'released']);
  });

  it.each<[string, string, readonly HoldStep[]]>([
    ['SECOND_PERSON_REQUIRED', 'whoever asked agrees', [PLACE, ask('bob'), release('bob')]],
    ['RELEASE_NOT_ASKED', 'nobody has asked', [PLACE, release('bob')]],
    ['RELEASE_NOT_ASKED', 'it was asked for a week ago', [PLACE, ask('ana'), release('bob', NOW_MS + RELEASE_ASKED_MS)]],
    ['RELEASE_NOT_ASKED', 'there is nothing to turn down', [PLACE, { type: 'refuse-release', by: 'bob', reason: 'a test' }]],
    ['HOLD_RELEASED', 'it was released', [PLACE, ask('ana'), release('bob'), ask('ana')]],
    ['HOLD_UNKNOWN', 'it was never placed', [ask('ana')]],
    ['CONFLICT', 'it is placed twice', [PLACE, PLACE]],
    ['QUERY_MALFORMED', 'nobody can tell what it looks for', [{ ...PLACE, scope: { query: 'whatever' } }]],
  ])('refuses with %s when %s', (code, _when, steps) => {
    expect(codeOf(() => holdAfter(steps))).toBe(code);
  });
});
