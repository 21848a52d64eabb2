import { z } from 'zod';
import { secretTokenSchema } from './identity.js';
import { email, NEW_PASSWORD, nothing, opaqueId, organization, PAGE_MAX, password, personName, reason, role, time, type IdentityOperationContract } from './identity-shapes.js';

/** Organisations, their members, invitations to them, and their own roles. */

/** Roles of its own that an organisation may have. */
export const CUSTOM_ROLES_MAX = 50;
/** Roles in one invitation. */
export const INVITED_ROLES_MAX = 10;
/** Grants of one role: no role has more than there are permissions. */
const GRANTS_MAX = 200;

const line = (max: number) => z.string().trim().min(1).max(max).refine((text) => !/\p{Cc}/u.test(text), 'must hold no control characters');
const name = line(200);
const description = line(256);
const limit = z.number().int().min(1).max(PAGE_MAX).default(50);
const roles = z.array(role).min(1).max(INVITED_ROLES_MAX);

export const organizationViewSchema = z.strictObject({ organization, name, state: z.enum(['open', 'closed']), createdAt: time });
export type OrganizationView = z.output<typeof organizationViewSchema>;

export const memberViewSchema = z.strictObject({
  userId: opaqueId,
  /** Absent when their subject was erased; and, for others, while he is restricted. */
  email: z.string().optional(),
  name: z.string().optional(),
  /** He has demanded that what is about him be kept and not used. */
  isRestricted: z.literal(true).optional(),
  roles: z.array(role),
  joinedAt: time,
});

export const invitationViewSchema = z.strictObject({
  invitationId: opaqueId,
  email: z.string().optional(),
  roles: z.array(role),
  state: z.enum(['pending', 'accepted', 'revoked']),
  invitedBy: opaqueId,
  invitedAt: time,
  expiresAt: time,
});

/** A permission and how far it reaches within the organisation. */
export const customGrantSchema = z.strictObject({ permission: z.string().regex(/^[a-z-]{1,32}\.[a-z-]{1,32}$/, 'must be a permission'), scope: z.enum(['own', 'organization']) });
export type CustomGrant = z.output<typeof customGrantSchema>;
const grants = z.array(customGrantSchema).min(1).max(GRANTS_MAX);

export const roleViewSchema = z.strictObject({
  role,
  description: z.string(),
  /** `system`: of the product, the same everywhere. */
  kind: z.enum(['system', 'custom']),
  grants: z.array(z.strictObject({ permission: z.string(), scope: z.string() })),
});

const IN = { asker: 'edge', auth: 'session' } as const;
const OF = { organization };
const MAY_GIVE = ['ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'ROLE_UNKNOWN', 'GRANT_EXCEEDS_OWN', 'EMAIL_DOMAIN_FORBIDDEN'] as const;
const INVITATION = ['INVITATION_UNKNOWN', 'INVITATION_USED', 'INVITATION_REVOKED', 'INVITATION_EXPIRED', 'ORGANIZATION_CLOSED', 'ROLE_UNKNOWN'] as const;

const ORGANIZATIONS = {
  'organization-create': { ...IN, args: z.strictObject({ ...OF, name }), result: nothing, faults: ['ORGANIZATION_TAKEN'], emits: ['identity.organization.created'] },
  /** All, or those of which one is a member. */
  'organization-list': {
    ...IN,
    args: z.strictObject({ after: organization.optional(), limit }),
    result: z.strictObject({ organizations: z.array(organizationViewSchema), next: organization.optional() }),
    faults: [],
    reads: true,
  },
  'organization-show': { ...IN, args: z.strictObject(OF), result: organizationViewSchema, faults: ['ORGANIZATION_UNKNOWN'], reads: true },
  'organization-rename': { ...IN, args: z.strictObject({ ...OF, name }), result: nothing, faults: ['ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED'], emits: ['identity.organization.renamed'] },
  /** Nobody acts in it any more, and roles in it count for nothing. */
  'organization-close': { ...IN, args: z.strictObject({ ...OF, reason }), result: nothing, faults: ['ORGANIZATION_UNKNOWN'], emits: ['identity.organization.closed'] },
  'organization-reopen': { ...IN, args: z.strictObject(OF), result: nothing, faults: ['ORGANIZATION_UNKNOWN'], emits: ['identity.organization.reopened'] },
  /** In which one's session acts from now on; without one: on the platform only. */
  'organization-enter': {
    ...IN,
    args: z.strictObject({ organization: organization.optional() }),
    result: nothing,
    faults: ['ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED'],
    emits: ['identity.session.organization-entered'],
  },
  'organization-leave': { ...IN, args: z.strictObject(OF), result: nothing, faults: ['ORGANIZATION_UNKNOWN', 'LAST_OWNER'], emits: ['identity.organization.member-removed'] },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

const MEMBERS = {
  'member-list': {
    ...IN,
    args: z.strictObject({ ...OF, after: opaqueId.optional(), limit }),
    result: z.strictObject({ members: z.array(memberViewSchema), next: opaqueId.optional() }),
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
  /** Takes all of somebody's roles in the organisation; the account stays. */
  'member-remove': { ...IN, args: z.strictObject({ ...OF, userId: opaqueId }), result: nothing, faults: ['ORGANIZATION_UNKNOWN', 'MEMBER_UNKNOWN', 'GRANT_EXCEEDS_OWN', 'LAST_OWNER'], emits: ['identity.organization.member-removed'] },
  'member-invite': {
    ...IN,
    args: z.strictObject({ ...OF, email, roles: roles.default(['member']) }),
    result: z.strictObject({ invitationId: opaqueId, expiresAt: time }),
    faults: [...MAY_GIVE, 'ALREADY_MEMBER'],
    emits: ['identity.invitation.sent'],
  },
  /** An account for somebody who has none: he gets a link with which he sets his password. */
  'user-create': {
    ...IN,
    args: z.strictObject({ email, organization: organization.optional(), roles: roles.default(['member']) }),
    result: z.strictObject({ invitationId: opaqueId, expiresAt: time }),
    faults: [...MAY_GIVE, 'EMAIL_TAKEN'],
    emits: ['identity.invitation.sent'],
  },
  'invitation-list': {
    ...IN,
    args: z.strictObject({ ...OF, after: opaqueId.optional(), limit }),
    result: z.strictObject({ invitations: z.array(invitationViewSchema), next: opaqueId.optional() }),
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
  /** A new link; the one before is good for nothing. */
  'invitation-resend': {
    ...IN,
    args: z.strictObject({ ...OF, invitationId: opaqueId }),
    result: z.strictObject({ expiresAt: time }),
    faults: [...MAY_GIVE, 'INVITATION_UNKNOWN', 'INVITATION_USED', 'INVITATION_REVOKED'],
    emits: ['identity.invitation.resent'],
  },
  'invitation-revoke': { ...IN, args: z.strictObject({ ...OF, invitationId: opaqueId }), result: nothing, faults: ['ORGANIZATION_UNKNOWN', 'INVITATION_UNKNOWN', 'INVITATION_USED'], emits: ['identity.invitation.revoked'] },
  /** Makes the account that the invitation is for. Whoever has one signs in and joins with it. */
  'invitation-accept': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ token: secretTokenSchema, name: personName, password }),
    result: nothing,
    faults: [...NEW_PASSWORD, ...INVITATION, 'INVITATION_NEEDS_SIGN_IN', 'CONFLICT'],
    emits: ['identity.user.registered', 'identity.invitation.accepted', 'identity.organization.member-joined'],
  },
  'invitation-join': {
    ...IN,
    args: z.strictObject({ token: secretTokenSchema }),
    result: nothing,
    faults: [...INVITATION, 'INVITATION_OTHER_ADDRESS', 'ALREADY_MEMBER'],
    emits: ['identity.invitation.accepted', 'identity.organization.member-joined'],
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

const ROLES = {
  /** Those of the product that are given in an organisation, and its own. */
  'role-list': { ...IN, args: z.strictObject(OF), result: z.strictObject({ roles: z.array(roleViewSchema) }), faults: ['ORGANIZATION_UNKNOWN'], reads: true },
  'role-define': {
    ...IN,
    args: z.strictObject({ ...OF, role, description, grants }),
    result: nothing,
    faults: ['ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'ROLE_TAKEN', 'ROLES_TOO_MANY', 'ROLE_GRANTS_INVALID', 'GRANT_EXCEEDS_OWN'],
    emits: ['identity.organization.role-defined'],
  },
  /** In force for everybody who holds it when the call returns. */
  'role-change': {
    ...IN,
    args: z.strictObject({ ...OF, role, description, grants }),
    result: nothing,
    faults: ['ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'ROLE_UNKNOWN', 'ROLE_GRANTS_INVALID', 'GRANT_EXCEEDS_OWN'],
    emits: ['identity.organization.role-changed'],
  },
  /** Refused while somebody holds it, or is invited to. */
  'role-remove': {
    ...IN,
    args: z.strictObject({ ...OF, role }),
    result: nothing,
    faults: ['ORGANIZATION_UNKNOWN', 'ROLE_UNKNOWN', 'ROLE_IN_USE', 'GRANT_EXCEEDS_OWN'],
    emits: ['identity.organization.role-removed'],
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

export const ORGANIZATION_OPERATIONS = { ...ORGANIZATIONS, ...MEMBERS, ...ROLES } as const;
