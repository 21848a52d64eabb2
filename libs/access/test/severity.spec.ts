import { describe, expect, it } from '@jest/globals';
import { type Outcome, type Severity, SEVERITIES, severityOf, SEVERITY_RULES, severityRulesFor } from '../src/index.js';

const count = (id: string, events: number): ReadonlyMap<string, number> => new Map([[id, events]]);
const NOTHING = new Map<string, number>();

describe('severityOf', () => {
  const cases: ReadonlyArray<readonly [type: string, outcome: Outcome, counts: ReadonlyMap<string, number>, severity: Severity]> = [
    ['identity.session.started', 'success', NOTHING, 'info'],
    ['identity.sign-in.failed', 'failure', NOTHING, 'notice'],
    ['identity.sign-in.failed', 'failure', count('sign-in-failed-again', 4), 'notice'],
    ['identity.sign-in.failed', 'failure', count('sign-in-failed-again', 5), 'warning'],
    ['identity.sign-in.failed', 'failure', count('sign-in-failed-from-address', 20), 'alert'],
    ['identity.session.started', 'success', count('sign-in-failed-from-address', 20), 'info'],
    ['identity.sign-in.locked', 'denied', NOTHING, 'warning'],
    ['identity.user.password-changed', 'success', NOTHING, 'notice'],
    ['identity.user.password-rehashed', 'success', NOTHING, 'info'],
    ['identity.user.role-granted', 'success', NOTHING, 'notice'],
    ['identity.user.role-granted', 'denied', NOTHING, 'warning'],
    ['identity.organization.custom-role-changed', 'success', NOTHING, 'notice'],
    ['identity.user.totp-removed', 'success', NOTHING, 'warning'],
    ['identity.user.totp-replayed', 'denied', NOTHING, 'alert'],
    ['ledger.whatever.done', 'success', NOTHING, 'info'],
    ['ledger.whatever.done', 'denied', count('refused-often', 10), 'warning'],
    ['ledger.whatever.done', 'denied', count('refused-relentlessly', 50), 'alert'],
    ['identity.user', 'success', NOTHING, 'info'],
  ];

  it.each(cases)('%s, %s, %p: %s', (type, outcome, counts, severity) => {
    expect(severityOf(type, outcome, counts)).toBe(severity);
  });

  it('only grows when more is counted', () => {
    const types = ['identity.sign-in.failed', 'identity.session.stepped-up', 'edge.request.limited', 'keys.key.rotated'];
    for (const type of types) {
      const ranks = [0, 3, 5, 10, 20, 50, 1000].map((events) => SEVERITIES.indexOf(severityOf(type, 'denied', new Map(SEVERITY_RULES.map(({ id }) => [id, events])))));
      expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    }
  });
});

describe('the severity rules', () => {
  it('have an id each, by which counters are kept', () => {
    expect(new Set(SEVERITY_RULES.map(({ id }) => id)).size).toBe(SEVERITY_RULES.length);
  });

  it.each(SEVERITY_RULES.map((rule) => [rule.id, rule] as const))('%s speaks of an event of its own pattern and of none with a word too few', (id, { types, outcomes }) => {
    for (const pattern of types) {
      const type = pattern === '*' ? 'a.b.c' : pattern.replaceAll('*', 'x');
      expect(severityRulesFor(type, outcomes[0]!).map((rule) => rule.id)).toContain(id);
      if (pattern !== '*') expect(severityRulesFor(type.replace(/\.[^.]+$/, ''), outcomes[0]!).map((rule) => rule.id)).not.toContain(id);
    }
  });

  it('say nothing below notice: info is what is left', () => {
    expect(SEVERITY_RULES.filter(({ severity }) => severity === 'info')).toEqual([]);
  });
});
