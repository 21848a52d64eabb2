import { z } from 'zod';
import { nothing, organization, time, type IdentityOperationContract } from './identity-shapes.js';

/** Rules for passwords, sessions, second factors and invitations, and what of the mail an operator sees. */

/** Domains of addresses that may be invited, most. */
export const DOMAINS_MAX = 50;
export const SESSION_IDLE_HOURS_MAX = 30 * 24;
export const SESSION_LIFE_HOURS_MAX = 90 * 24;

const domain = z.string().max(253).transform((text) => text.toLowerCase()).refine((text) => /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/.test(text), 'must be a domain');

/**
 * Rules of the installation, or of one organisation. What is absent is left to the installation, and there to the default. Of both the
 * stricter counts: an organisation tightens, and never loosens.
 */
export const policySchema = z.strictObject({
  /** A password older than this must be changed. Absent: never. */
  passwordDays: z.number().int().min(1).max(3_650).optional(),
  /** Without use for so long a session is over. */
  sessionIdleHours: z.number().int().min(1).max(SESSION_IDLE_HOURS_MAX).optional(),
  /** However much it is used, a session is over after this. */
  sessionLifeHours: z.number().int().min(1).max(SESSION_LIFE_HOURS_MAX).optional(),
  /** Nobody acts here before a second factor is enrolled. */
  isMfaRequired: z.boolean().optional(),
  /** Codes by SMS, for whoever holds no system role that needs a second factor. Only where the installation says so and the organisation does not say no. */
  isSmsAllowed: z.boolean().optional(),
  /** Addresses that may be invited; absent: any. */
  invitationDomains: z.array(domain).min(1).max(DOMAINS_MAX).optional(),
});
export type Policy = z.output<typeof policySchema>;

export const policyViewSchema = z.strictObject({
  organization: organization.optional(),
  /** 0: nobody has set it. */
  version: z.number().int().nonnegative(),
  policy: policySchema,
  changedAt: time.optional(),
});
export type PolicyView = z.output<typeof policyViewSchema>;

export const POLICY_OPERATIONS = {
  /** Of the organisation, or without one of the installation. */
  'policy-show': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ organization: organization.optional() }),
    result: policyViewSchema,
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
  /** Replaces the whole policy. With `version` only if that is the present one (CONFLICT). In force when the call returns. */
  'policy-change': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ organization: organization.optional(), policy: policySchema, version: z.number().int().nonnegative().optional() }),
    result: policyViewSchema,
    faults: ['ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED'],
    emits: ['identity.policy.changed'],
  },
  /** How much mail waits, and whether it can be sent at all; nothing of what it says or to whom. */
  'mail-status': {
    asker: 'edge', auth: 'session',
    args: nothing,
    result: z.strictObject({
      isConfigured: z.boolean(),
      waiting: z.number().int().nonnegative(),
      oldestWaitingAt: time.optional(),
      /** That mail servers refused for good, or that waited until it was of no use, in the last 30 days. */
      undelivered: z.number().int().nonnegative(),
    }),
    faults: [],
    reads: true,
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;
