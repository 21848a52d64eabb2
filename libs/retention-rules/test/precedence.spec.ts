import { describe, expect, it } from '@jest/globals';
import { appliesTo, covers, evaluate, restricts, Rules, type Matter } from '../src/index.js';
import { ANNOUNCE_MS, at, CASES, CONTRACT, CONTRACTS, type Case } from './precedence-table.js';

function matterOf({ policies = [], holds = [], restrictions = [], erasure, resource, type }: Case): Matter {
  const subject = { ...CONTRACT, ...resource };
  return {
    resource: subject,
    type: { ...CONTRACTS, ...type },
    policies: policies.filter((policy) => appliesTo(policy, subject)),
    holds: holds.filter((hold) => covers(hold, subject)),
    announceMs: ANNOUNCE_MS,
    restrictions: restrictions.filter((one) => restricts(one, subject)),
    ...(erasure === undefined ? {} : { erasure }),
  };
}

const told = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString().replace('T12:00:00.000Z', ''));

describe('who wins', () => {
  it('is shown by at least sixty cases, each with a name of its own', () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
    expect(CASES.length).toBeGreaterThanOrEqual(60);
  });

  it.each(CASES.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const { verdict, action, untilMs, reasons } = evaluate(matterOf(one), at(one.at));
    const [wanted, by, until] = one.is;
    expect({ verdict, action, until: told(untilMs), why: reasons.map(({ code, id }) => (id === undefined ? code : `${code} ${id}`)) }).toEqual({ verdict: wanted, action: by, until, why: one.why });
  });

  it.each(CASES.map((one) => [one.name, one] as const))('for many at once: %s', (_name, one) => {
    const { resource, type } = matterOf(one);
    const rules = new Rules({ policies: one.policies ?? [], holds: one.holds ?? [], restrictions: one.restrictions ?? [], types: [type], announceMs: ANNOUNCE_MS }, at(one.at));
    const outcome = rules.outcomeOf(resource, one.erasure);
    const [wanted, by, until] = one.is;
    expect({ verdict: outcome?.verdict, action: outcome?.action, until: told(outcome?.untilMs), first: outcome?.reasons[0]?.code }).toEqual({ verdict: wanted, action: by, until, first: one.why[0]!.split(' ')[0] });
  });

  it('does nothing to what nobody has registered', () => {
    expect(new Rules({ policies: [{ id: 'p', version: 1, dispose: { after: {}, action: 'delete' } }], holds: [], types: [], announceMs: 0 }, at('2026-06-01')).outcomeOf(CONTRACT)).toBeUndefined();
  });
});
