import { z } from 'zod';
import { digestSchema } from './identity.js';
import { heldRoleSchema, noControls, nothing, opaqueId, organization, PAGE_MAX, reason, time, type IdentityOperationContract } from './identity-shapes.js';

/** API keys and the service accounts that own some of them. */

/** However long a key is wished for, after this it ends: a key that nobody replaces is one that nobody looks after. */
export const API_KEY_DAYS_MAX = 366;
export const API_KEY_DAYS_DEFAULT = 90;
/** Keys of one person or account that are neither revoked nor expired. */
export const API_KEYS_MAX = 100;
/** Of one organisation, or of the platform. */
export const SERVICE_ACCOUNTS_MAX = 1_000;
const GRANTS_MAX = 200;

const keyName = z.string().trim().min(1).max(100).refine(noControls, 'must hold no control characters');

/** The public part of an API key. */
export const apiKeyIdSchema = z.string().regex(/^[0-9A-Za-z]{12}$/, 'must be the id of an API key');
/** A word of the types of its events: what it is called is not personal, and never changes. */
export const serviceAccountNameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and hyphen, a letter first');

/** A permission and how far it reaches. */
export const grantSchema = z.strictObject({ permission: z.string().regex(/^[a-z-]{1,40}\.[a-z-]{1,40}$/, 'must be a permission'), scope: z.enum(['own', 'organization', 'global']) });
export type GrantView = z.output<typeof grantSchema>;

/** A program that has shown a key: what libs/access decides on. */
export const keyPrincipalSchema = z.strictObject({
  /** `api-key`: of a person, `service-account`: of an account without a person. */
  kind: z.enum(['api-key', 'service-account']),
  /** Whose the key is: a user, or a service account. */
  userId: opaqueId,
  keyId: apiKeyIdSchema,
  /** By which another service asks about the key without having it: nobody makes it who was not shown the key (`principal`). */
  keyDigest: digestSchema,
  /** Who made it: with his permissions the key's end. */
  createdBy: opaqueId,
  organization: organization.optional(),
  /** Of a service account. */
  serviceName: serviceAccountNameSchema.optional(),
  /** What it may do now, a set of libs/access, encoded. */
  permissions: z.string(),
  expiresAt: time,
});
export type KeyPrincipal = z.output<typeof keyPrincipalSchema>;

export const apiKeyViewSchema = z.strictObject({
  keyId: apiKeyIdSchema,
  /** Absent when its subject was erased. */
  name: z.string().optional(),
  /** Prefix, id and the last characters. */
  preview: z.string(),
  /** Exactly one of the two. */
  userId: opaqueId.optional(),
  accountId: opaqueId.optional(),
  createdBy: opaqueId,
  organization: organization.optional(),
  grants: z.array(grantSchema),
  createdAt: time,
  expiresAt: time,
  /** To the minute; absent: never. */
  lastUsedAt: time.optional(),
});
export type ApiKeyView = z.output<typeof apiKeyViewSchema>;

export const serviceAccountViewSchema = z.strictObject({
  accountId: opaqueId,
  name: serviceAccountNameSchema,
  /** Absent: it belongs to the installation. */
  organization: organization.optional(),
  state: z.enum(['active', 'disabled']),
  roles: z.array(heldRoleSchema),
  createdAt: time,
});
export type ServiceAccountView = z.output<typeof serviceAccountViewSchema>;

const accountRole = z.strictObject({ accountId: opaqueId, ...heldRoleSchema.shape });

/** What a key is refused with that somebody shows; told apart only to whoever has the whole key. */
export const FAULTS_OF_KEYS = ['API_KEY_REFUSED', 'API_KEY_REVOKED', 'API_KEY_EXPIRED', 'API_KEY_SUSPENDED'] as const;
/** Left by an unknown, wrong, revoked or expired key, whatever it was shown for. */
export const API_KEY_REFUSED_EVENT = 'identity.api-key.refused';

export const API_KEY_OPERATIONS = {
  /** Whose the context's key is, and what it may do now. */
  'api-key-check': { asker: 'edge', auth: 'key', args: nothing, result: keyPrincipalSchema, faults: FAULTS_OF_KEYS, reads: true },
  /** One's own, or those of `userId` or `accountId`; neither revoked nor expired ones. */
  'api-key-list': {
    asker: 'edge', auth: 'session',
    args: z.union([z.strictObject({ accountId: opaqueId }), z.strictObject({ userId: opaqueId.optional() })]),
    result: z.strictObject({ apiKeys: z.array(apiKeyViewSchema) }),
    faults: ['USER_UNKNOWN', 'SERVICE_ACCOUNT_UNKNOWN'],
    reads: true,
  },
  /** For oneself, or with `accountId` for a service account: one of the installation may be given the organisation in which the key acts. The key is shown this once. */
  'api-key-create': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ accountId: opaqueId.optional(), organization: organization.optional(), name: keyName, grants: z.array(grantSchema).min(1).max(GRANTS_MAX), days: z.number().int().min(1).max(API_KEY_DAYS_MAX).default(API_KEY_DAYS_DEFAULT) }),
    result: z.strictObject({ key: z.string(), apiKey: apiKeyViewSchema }),
    faults: ['SERVICE_ACCOUNT_UNKNOWN', 'SERVICE_ACCOUNT_DISABLED', 'ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'GRANT_EXCEEDS_OWN', 'PERMISSION_NOT_GRANTABLE', 'API_KEYS_TOO_MANY'],
    emits: ['identity.api-key.created'],
  },
  'api-key-revoke': { asker: 'edge', auth: 'session', args: z.strictObject({ keyId: apiKeyIdSchema }), result: nothing, faults: ['API_KEY_UNKNOWN'], emits: ['identity.api-key.revoked'] },
  /** By id; all, or those of the organisation in which one acts. */
  'service-account-list': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ after: opaqueId.optional(), limit: z.number().int().min(1).max(PAGE_MAX).default(50) }),
    result: z.strictObject({ serviceAccounts: z.array(serviceAccountViewSchema), next: opaqueId.optional() }),
    faults: [],
    reads: true,
  },
  /** Without `organization` it belongs to the installation. */
  'service-account-create': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ name: serviceAccountNameSchema, organization: organization.optional() }),
    result: z.strictObject({ accountId: opaqueId }),
    faults: ['ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'SERVICE_ACCOUNT_NAME_TAKEN', 'SERVICE_ACCOUNTS_TOO_MANY'],
    emits: ['identity.service-account.created'],
  },
  /** Its keys end with it for as long. */
  'service-account-disable': { asker: 'edge', auth: 'session', args: z.strictObject({ accountId: opaqueId, reason }), result: nothing, faults: ['SERVICE_ACCOUNT_UNKNOWN'], emits: ['identity.service-account.disabled'] },
  'service-account-enable': { asker: 'edge', auth: 'session', args: z.strictObject({ accountId: opaqueId }), result: nothing, faults: ['SERVICE_ACCOUNT_UNKNOWN'], emits: ['identity.service-account.enabled'] },
  'service-account-role-grant': {
    asker: 'edge', auth: 'session', args: accountRole, result: nothing,
    faults: ['SERVICE_ACCOUNT_UNKNOWN', 'ROLE_UNKNOWN', 'ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'GRANT_EXCEEDS_OWN'],
    emits: ['identity.service-account.role-granted'],
  },
  'service-account-role-revoke': {
    asker: 'edge', auth: 'session', args: accountRole, result: nothing,
    faults: ['SERVICE_ACCOUNT_UNKNOWN', 'ROLE_UNKNOWN', 'ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'GRANT_EXCEEDS_OWN'],
    emits: ['identity.service-account.role-revoked'],
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;
