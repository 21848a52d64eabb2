import type { Policy } from '@countersign/contracts';
import { SESSION_IDLE_MS, SESSION_LIFE_MS } from '../domain/session.js';

const HOUR_MS = 3_600_000;

/** What holds for somebody, of all the policies that are over him. */
export interface EffectivePolicy {
  /** Undefined: a password never grows too old. */
  readonly passwordDays: number | undefined;
  readonly sessionIdleMs: number;
  readonly sessionLifeMs: number;
  readonly isMfaRequired: boolean;
  readonly isSmsAllowed: boolean;
  /** Undefined: addresses of any domain may be invited. */
  readonly invitationDomains: readonly string[] | undefined;
}

/** The strictest of each: an organisation tightens what the installation allows, and never loosens it. */
export function effectivePolicy(installation: Policy, organizations: readonly Policy[]): EffectivePolicy {
  const all = [installation, ...organizations];
  const least = (values: readonly (number | undefined)[], most: number): number => Math.min(most, ...values.filter((value) => value !== undefined));
  const passwordDays = least(all.map((policy) => policy.passwordDays), Number.POSITIVE_INFINITY);
  const domains = all.flatMap(({ invitationDomains }) => (invitationDomains === undefined ? [] : [invitationDomains]));
  return {
    passwordDays: Number.isFinite(passwordDays) ? passwordDays : undefined,
    sessionIdleMs: least(all.map(({ sessionIdleHours }) => sessionIdleHours && sessionIdleHours * HOUR_MS), SESSION_IDLE_MS),
    sessionLifeMs: least(all.map(({ sessionLifeHours }) => sessionLifeHours && sessionLifeHours * HOUR_MS), SESSION_LIFE_MS),
    isMfaRequired: all.some(({ isMfaRequired }) => isMfaRequired === true),
    isSmsAllowed: installation.isSmsAllowed === true && organizations.every(({ isSmsAllowed }) => isSmsAllowed !== false),
    invitationDomains: domains.length === 0 ? undefined : domains[0]!.filter((domain) => domains.every((list) => list.includes(domain))),
  };
}
