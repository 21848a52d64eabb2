import { describe, expect, it } from '@jest/globals';
import { planErasure, type Hold, type HoldScope, type PersonsKind } from '../src/index.js';

const [OWN, ACME, INVITEE] = [{ tenant: 'system', subject: 'user-1' }, { tenant: 'acme', subject: 'user-1' }, { tenant: 'acme', subject: 'invitee-1' }];
const KEYS = [OWN, ACME, INVITEE];
const AT_2026 = Date.UTC(2026, 0, 1);

const inIdentity = (type: string, dataClass: string, count = 1): PersonsKind => ({ holder: 'identity', organization: 'acme', type, dataClass, subjects: ['user-1'], count, under: [OWN], isByKeys: false, oldestMs: AT_2026 });
const inLedger = (tenant: string, dataClass: string): PersonsKind => ({ holder: 'ledger', organization: tenant, type: 'audit-parts', dataClass, subjects: ['user-1'], count: 3, under: [{ tenant, subject: 'user-1' }], isByKeys: true, oldestMs: AT_2026 });
const KINDS: Readonly<Record<string, PersonsKind>> = {
  account: inIdentity('account', 'contact'),
  session: inIdentity('session', 'security', 2),
  'api-key': inIdentity('api-key', 'security', 0),
  invitation: { ...inIdentity('invitation', 'contact'), subjects: ['invitee-1'], under: [INVITEE], oldestMs: Date.UTC(2025, 0, 1) },
  'system:security': inLedger('system', 'security'),
  'acme:security': inLedger('acme', 'security'),
  'acme:operational': inLedger('acme', 'operational'),
};
const LEDGERS = ['system:security', 'acme:security', 'acme:operational'];
const ALL = Object.keys(KINDS);

const planned = (scopes: readonly HoldScope[], organization?: string) => {
  const holds = scopes.map((scope, n): Hold => ({ id: `h${String(n)}`, scope, placedMs: 0, ...(organization === undefined ? {} : { organization }) }));
  const plan = planErasure(Object.values(KINDS), KEYS, holds);
  const named = (kinds: readonly PersonsKind[]): string[] => ALL.filter((name) => kinds.includes(KINDS[name]!));
  return { held: named(plan.held), bound: named(plan.bound), going: named(plan.going), keptKeys: plan.keptKeys, keys: plan.keys };
};

describe('an erasure under holds', () => {
  it.each<[string, readonly HoldScope[], string | undefined, string[], string[], object[]]>([
    ['none', [], undefined, [], [], []],
    ['one over somebody else', [{ subjects: ['user-2'] }], undefined, [], [], []],
    ['one over the person keeps everything of his, and not his invitation', [{ subjects: ['user-1'] }], undefined, ALL.filter((name) => name !== 'invitation'), [], [OWN, ACME]],
    ['one over the invitation, by whom it is about', [{ subjects: ['invitee-1'] }], undefined, ['invitation'], [], [INVITEE]],
    ['one over everything', [{ everything: true }], undefined, ALL, [], KEYS],
    ['one over everything of another organisation', [{ everything: true }], 'beta', [], [], []],
    ['one over everything of one organisation lets go what is the installation’s', [{ everything: true }], 'acme', ALL.filter((name) => name !== 'system:security'), ['system:security'], KEYS],
    ['one over a type keeps the key that it lies under, and what goes by that alone', [{ types: ['session'] }], undefined, ['session'], ['system:security'], [OWN]],
    ['one over a type of which there is nothing keeps no key', [{ types: ['api-key'] }], undefined, ['api-key'], [], []],
    ['one over a type that nobody holds of him', [{ types: ['quarantined-event'] }], undefined, [], [], []],
    ['one over a class', [{ dataClasses: ['contact'] }], undefined, ['account', 'invitation'], ['system:security'], [OWN, INVITEE]],
    ['one over records of a class in one ledger', [{ types: ['audit-parts'], dataClasses: ['security'] }], 'acme', ['acme:security'], ['acme:operational'], [ACME]],
    ['one over all records', [{ types: ['audit-parts'] }], undefined, LEDGERS, [], [OWN, ACME]],
    ['one over what is older than all of it', [{ createdBeforeMs: Date.UTC(2020, 0, 1) }], undefined, [], [], []],
    ['one over what is older than some of it', [{ createdBeforeMs: AT_2026 }], undefined, ['invitation'], [], [INVITEE]],
    ['one over times that reach into it', [{ createdBeforeMs: AT_2026 + 1 }], undefined, ALL, [], KEYS],
    ['one over what comes from a time on may cover what is added', [{ createdFromMs: Date.UTC(2030, 0, 1), types: ['session'] }], undefined, ['session'], ['system:security'], [OWN]],
    ['one over a thing of another type', [{ resources: [{ type: 'acme.contract', id: 'c1' }] }], undefined, [], [], []],
    ['one over a thing of a type that he has', [{ resources: [{ type: 'session', id: 's1' }] }], undefined, ['session'], ['system:security'], [OWN]],
    ['one over a type whose name another one begins with', [{ resources: [{ type: 'session-log', id: 's1' }] }], undefined, [], [], []],
    ['a query over a type and times', [{ query: 'type:sess* created<2026-06-01' }], undefined, ['session'], ['system:security'], [OWN]],
    ['a query over a type before it began', [{ query: 'type:sess* created<2025-06-01' }], undefined, [], [], []],
    ['a query for an id may find one', [{ query: 'type:session id:s1' }], undefined, ['session'], ['system:security'], [OWN]],
    ['a query for what is not an id may find another', [{ query: 'type:session -id:s1' }], undefined, ['session'], ['system:security'], [OWN]],
    ['a query for an end, which nobody has asked for', [{ query: 'type:session closed<1990-01-01' }], undefined, ['session'], ['system:security'], [OWN]],
    ['a query for all but the person', [{ query: '-subject:user-1' }], undefined, ['invitation'], [], [INVITEE]],
    ['a query for all but another one', [{ query: '-subject:invitee-1 -subject:user-2' }], undefined, ALL.filter((name) => name !== 'invitation'), [], [OWN, ACME]],
    ['two over different things', [{ types: ['session'] }, { types: ['invitation'] }], undefined, ['session', 'invitation'], ['system:security'], [OWN, INVITEE]],
  ])('%s', (_what, scopes, organization, held, bound, keptKeys) => {
    expect(planned(scopes, organization)).toEqual({ held, bound, going: ALL.filter((name) => !held.includes(name) && !bound.includes(name)), keptKeys, keys: KEYS.filter((key) => !keptKeys.includes(key)) });
  });

  it('keeps the key of somebody of whom nothing was found, when one names him, and not when one is over times', () => {
    const of = (scope: HoldScope) => planErasure([], [ACME], [{ id: 'h', scope, placedMs: 0 }]).keptKeys;
    expect([of({ subjects: ['user-1'] }), of({ everything: true }), of({ createdBeforeMs: 1 }), of({ types: ['audit-parts'] })]).toEqual([[ACME], [ACME], [], []]);
  });

  it('never takes away more under one hold more', () => {
    const scopes: HoldScope[] = [{ types: ['session'] }, { dataClasses: ['contact'] }, { subjects: ['invitee-1'] }, { types: ['audit-parts'] }, { createdBeforeMs: AT_2026 }, { everything: true }];
    for (const [n, one] of scopes.entries()) {
      for (const more of scopes.slice(n + 1)) {
        const [less, both] = [planned([one]), planned([one, more])];
        expect(less.going).toEqual(expect.arrayContaining(both.going));
        expect(less.keys).toEqual(expect.arrayContaining([...both.keys]));
      }
    }
  });
});
