import type { PermissionId } from '@countersign/access';
import { IDENTITY_OPERATIONS, organizationViewSchema, policyViewSchema } from '@countersign/contracts';
import { z } from 'zod';
import { identityRoute } from './identity-route.js';
import type { Access, Route } from './route.js';

/** Organisations: what they are called, who belongs to them, their roles and rules. */

type Operations = typeof IDENTITY_OPERATIONS;
const { shape: of } = IDENTITY_OPERATIONS['organization-show'].args;
const opaque = (what: string) => z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, `must be ${what}`);
const { role } = IDENTITY_OPERATIONS['role-remove'].args.shape;

const inOrganization = z.strictObject(of);
const memberParams = z.strictObject({ ...of, userId: opaque('a user id') });
const invitationParams = z.strictObject({ ...of, invitationId: opaque('an invitation id') });
const roleParams = z.strictObject({ ...of, role });
const limit = z.string().regex(/^[1-9]\d{0,2}$/, 'must be 1 to 200').transform(Number).refine((count) => count <= 200, 'must be 1 to 200').optional();
const page = z.strictObject({ after: opaque('an id').optional(), limit });

/** Over the organisation that the path names; identity decides again. */
const over = (permission: PermissionId): Access => ({
  kind: 'permission',
  permission,
  target: ({ organization, userId }) => ({ ...(organization === undefined ? {} : { organization }), ...(userId === undefined ? {} : { userId }) }),
});
const SESSION = { kind: 'session' } as const;
/** One's own; identity asks for the permission. */
const own = (asks: PermissionId): Access => ({ kind: 'session', asks });

const shared = { tag: 'organizations' } as const;
const get = { ...shared, method: 'GET', limit: 'read' } as const;
const post = { ...shared, method: 'POST', limit: 'write' } as const;

/** The arguments of an operation without what the path says. */
const bodyOf = <O extends keyof Operations>(operation: O, inPath: readonly string[]): z.ZodObject => {
  const { shape } = IDENTITY_OPERATIONS[operation].args as z.ZodObject;
  return z.strictObject(Object.fromEntries(Object.entries(shape).filter(([name]) => !inPath.includes(name))));
};
const together = <T>({ params, body }: { readonly params: object; readonly body: unknown }): T => ({ ...params, ...(body as object) }) as T;
const asked = <T>({ params, query }: { readonly params: object; readonly query: object }): T => ({ ...params, ...query }) as T;

const ORGANIZATIONS: readonly Route[] = [
  identityRoute('organization-list', {
    ...get, path: '/v1/organizations', access: own('user.read'), summary: 'All organisations, or those that you belong to.',
    query: z.strictObject({ after: of.organization.optional(), limit }),
    args: asked,
    tell: { schema: IDENTITY_OPERATIONS['organization-list'].result, pick: (result) => result },
  }),
  identityRoute('organization-create', {
    ...post, path: '/v1/organizations', access: over('organization.create'), summary: 'Make an organisation. Its id is the name of its ledger.',
    body: IDENTITY_OPERATIONS['organization-create'].args,
    args: together,
  }),
  identityRoute('organization-show', {
    ...get, path: '/v1/organizations/:organization', access: over('organization.read'), summary: 'One organisation.',
    params: inOrganization, args: asked,
    tell: { schema: organizationViewSchema, pick: (result) => result },
  }),
  identityRoute('organization-rename', {
    ...post, method: 'PATCH', path: '/v1/organizations/:organization', access: over('organization.update'), summary: 'Give it another name; its id stays.',
    params: inOrganization, body: bodyOf('organization-rename', ['organization']), args: together,
  }),
  identityRoute('organization-close', {
    ...post, path: '/v1/organizations/:organization/close', access: over('organization.close'), summary: 'Nobody acts in it any more; what it has recorded stays.',
    params: inOrganization, body: bodyOf('organization-close', ['organization']), args: together,
  }),
  identityRoute('organization-reopen', {
    ...post, path: '/v1/organizations/:organization/reopen', access: over('organization.close'), summary: 'Let its members act in it again.',
    params: inOrganization, args: together,
  }),
  identityRoute('organization-enter', {
    ...post, path: '/v1/account/organization', access: SESSION, summary: 'The organisation in which this session acts from now on; without one: on the platform only.',
    body: IDENTITY_OPERATIONS['organization-enter'].args, args: together,
  }),
  identityRoute('organization-leave', {
    ...post, method: 'DELETE', path: '/v1/account/organizations/:organization', access: SESSION, summary: 'Leave an organisation. Its last owner stays.',
    params: inOrganization, args: together,
  }),
];

const MEMBERS: readonly Route[] = [
  identityRoute('member-list', {
    ...get, path: '/v1/organizations/:organization/members', access: over('member.read'), summary: 'Members and their roles, in pages.',
    params: inOrganization, query: page, args: asked,
    tell: { schema: IDENTITY_OPERATIONS['member-list'].result, pick: (result) => result },
  }),
  identityRoute('member-remove', {
    ...post, method: 'DELETE', path: '/v1/organizations/:organization/members/:userId', access: over('member.remove'), summary: 'Remove a member; the account stays.',
    params: memberParams, args: together,
  }),
  identityRoute('invitation-list', {
    ...get, path: '/v1/organizations/:organization/invitations', access: over('member.invite'), summary: 'Invitations, in pages; never their links.',
    params: inOrganization, query: page, args: asked,
    tell: { schema: IDENTITY_OPERATIONS['invitation-list'].result, pick: (result) => result },
  }),
  identityRoute('member-invite', {
    ...post, path: '/v1/organizations/:organization/invitations', access: over('member.invite'), summary: 'Invite an address. The link is in the mail alone, and good once for seven days.',
    params: inOrganization, body: bodyOf('member-invite', ['organization']), status: 201, args: together,
    tell: { schema: IDENTITY_OPERATIONS['member-invite'].result, pick: (result) => result },
  }),
  identityRoute('invitation-resend', {
    ...post, path: '/v1/organizations/:organization/invitations/:invitationId/resend', access: over('member.invite'), summary: 'Send a new link; the one before is good for nothing.',
    params: invitationParams, args: together,
    tell: { schema: IDENTITY_OPERATIONS['invitation-resend'].result, pick: (result) => result },
  }),
  identityRoute('invitation-revoke', {
    ...post, method: 'DELETE', path: '/v1/organizations/:organization/invitations/:invitationId', access: over('member.invite'), summary: 'Withdraw an invitation.',
    params: invitationParams, args: together,
  }),
  identityRoute('invitation-accept', {
    ...post, limit: 'guess', path: '/v1/invitations/accept', access: { kind: 'public', why: 'who is invited has no account yet; the link is the proof' },
    summary: 'Make the account that you are invited to, with a password of yours.',
    body: IDENTITY_OPERATIONS['invitation-accept'].args, args: together,
  }),
  identityRoute('invitation-join', {
    ...post, limit: 'guess', path: '/v1/account/invitations', access: SESSION, summary: 'Join with the account that you are signed in to.',
    body: IDENTITY_OPERATIONS['invitation-join'].args, args: together,
  }),
];

const ROLES: readonly Route[] = [
  identityRoute('role-list', {
    ...get, path: '/v1/organizations/:organization/roles', access: over('role.read'), summary: 'Roles that can be given there, with what they grant.',
    params: inOrganization, args: asked,
    tell: { schema: IDENTITY_OPERATIONS['role-list'].result, pick: (result) => result },
  }),
  identityRoute('role-define', {
    ...post, path: '/v1/organizations/:organization/roles', access: over('role.define'), summary: 'Define a role of its own, of permissions that you hold.',
    params: inOrganization, body: bodyOf('role-define', ['organization']), args: together,
  }),
  identityRoute('role-change', {
    ...post, method: 'PUT', path: '/v1/organizations/:organization/roles/:role', access: over('role.define'), summary: 'Change what it grants, for everybody who holds it, from the next request on.',
    params: roleParams, body: bodyOf('role-change', ['organization', 'role']), args: together,
  }),
  identityRoute('role-remove', {
    ...post, method: 'DELETE', path: '/v1/organizations/:organization/roles/:role', access: over('role.define'), summary: 'Remove a role that nobody holds.',
    params: roleParams, args: together,
  }),
];

const POLICIES: readonly Route[] = [
  identityRoute('policy-show', {
    ...get, path: '/v1/organizations/:organization/policy', access: over('policy.read'), summary: 'Rules of the organisation, as they were set.',
    params: inOrganization, args: asked,
    tell: { schema: policyViewSchema, pick: (result) => result },
  }),
  identityRoute('policy-change', {
    ...post, method: 'PUT', path: '/v1/organizations/:organization/policy', access: over('policy.change'), summary: 'Set the rules of the organisation; they tighten those of the installation.',
    params: inOrganization, body: bodyOf('policy-change', ['organization']), args: together,
    tell: { schema: policyViewSchema, pick: (result) => result },
  }),
  identityRoute('policy-show', {
    ...get, tag: 'admin', path: '/v1/admin/policy', access: over('policy.read'), summary: 'Rules of the installation.', args: () => ({}),
    tell: { schema: policyViewSchema, pick: (result) => result },
  }),
  identityRoute('policy-change', {
    ...post, method: 'PUT', tag: 'admin', path: '/v1/admin/policy', access: over('policy.change'), summary: 'Set the rules of the installation.',
    body: bodyOf('policy-change', ['organization']), args: together,
    tell: { schema: policyViewSchema, pick: (result) => result },
  }),
  identityRoute('user-create', {
    ...post, tag: 'admin', path: '/v1/admin/users', access: over('user.create'), summary: 'An account for somebody who has none: a link goes to the address, by which its password is set.',
    body: IDENTITY_OPERATIONS['user-create'].args, status: 201, args: together,
    tell: { schema: IDENTITY_OPERATIONS['user-create'].result, pick: (result) => result },
  }),
  identityRoute('mail-status', {
    ...get, tag: 'admin', path: '/v1/admin/mail', access: over('system.read'), summary: 'How much mail waits to be sent; nothing of what it says.', args: () => ({}),
    tell: { schema: IDENTITY_OPERATIONS['mail-status'].result, pick: (result) => result },
  }),
];

export const ORGANIZATION_ROUTES: readonly Route[] = [...ORGANIZATIONS, ...MEMBERS, ...ROLES, ...POLICIES];
