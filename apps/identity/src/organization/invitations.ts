import { newSessionToken } from '@countersign/credentials';
import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { INVITATION_MS, invitationAggregate, inviteeOf } from '../domain/invitation.js';
import { utcMinutes } from '../mail/notices.js';
import type { PostMail } from '../mail/outbox.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers, SignedIn } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import { idFor } from '../request/repeated.js';
import { authority } from '../session/sessions.js';
import { insertInvitation, renewInvitation, revokeInvitation, type InvitationRow } from '../store/invitation-rows.js';
import { lockOrganization } from '../store/organization-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { authoriseGiving, givenRoles, holdGiven, type GivenRole } from './giving.js';
import { openOrganization } from './organizations.js';

/** What an invitation gives when nothing else is asked for: whoever may invite may give it. */
const PLAIN_ROLE = 'member';

type Names = 'member-invite' | 'user-create' | 'invitation-list' | 'invitation-resend' | 'invitation-revoke';

export function invitationHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'member-invite': (args, asker) => invite(flows, args, asker),
    'user-create': (args, asker) => createUser(flows, args, asker),
    'invitation-list': (args, asker) => list(flows, args, asker),
    'invitation-resend': (args, asker) => resend(flows, args, asker),
    'invitation-revoke': (args, asker) => revoke(flows, args, asker),
  };
}

async function invite(flows: Flows, { organization, email, roles }: IdentityArgs<'member-invite'>, asker: Asker): Promise<IdentityResult<'member-invite'>> {
  const who = authorise(asker, 'member.invite', { organization });
  const given = await mayGive(flows, organization, roles, asker);
  const known = await flows.users.findByEmail(await flows.keys.emailIndexes(email));
  if (known !== undefined && (await flows.members.isMember(organization, known.user_id))) throw new IdentityFault('ALREADY_MEMBER', 'he belongs to the organisation already', { field: 'email' });
  return send(flows, { organization, email, given, template: 'invitation' }, who, asker);
}

async function createUser(flows: Flows, { organization = flows.homeOrganization, email, roles }: IdentityArgs<'user-create'>, asker: Asker): Promise<IdentityResult<'user-create'>> {
  const who = authorise(asker, 'user.create', { organization });
  const given = await mayGive(flows, organization, roles, asker);
  if ((await flows.users.findByEmail(await flows.keys.emailIndexes(email))) !== undefined) throw new IdentityFault('EMAIL_TAKEN', 'the address belongs to an account', { field: 'email' });
  return send(flows, { organization, email, given, template: 'set-password' }, who, asker);
}

/** Throws ORGANIZATION_UNKNOWN, ORGANIZATION_CLOSED, ROLE_UNKNOWN, FORBIDDEN, STEP_UP_REQUIRED, GRANT_EXCEEDS_OWN. */
async function mayGive(flows: Flows, organization: string, roles: readonly string[], asker: Asker): Promise<GivenRole[]> {
  await openOrganization(flows, organization);
  const given = await givenRoles(flows, organization, roles);
  if (given.some(({ role }) => role !== PLAIN_ROLE)) authoriseGiving(asker, organization, given);
  return given;
}

interface NewInvitation {
  readonly organization: string;
  readonly email: string;
  readonly given: readonly GivenRole[];
  readonly template: 'invitation' | 'set-password';
}

async function send(flows: Flows, { organization, email, given, template }: NewInvitation, { session }: SignedIn, asker: Asker): Promise<IdentityResult<'member-invite'>> {
  const { store, columns, newId } = flows;
  await admitDomain(flows, organization, email);
  const invitationId = idFor(asker, newId);
  const roles = given.map(({ role }) => role);
  const link = await newLink(flows, { invitationId, organization, email, template }, asker);
  const [sealedEmail] = await columns.seal([{ ...emailPlace(invitationId), text: email }]);
  const [emailIndex] = await flows.keys.emailIndexes(email);
  if (sealedEmail === undefined) throw new IdentityFault('IDENTITY_INTERNAL', 'a new subject cannot be erased');
  await store.execute(invitationAggregate, {
    tenant: organization,
    id: invitationId,
    command: { type: 'send', invitationId, roles, email, nowMs: asker.now.getTime(), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    project: async (client) => {
      await holdGiven(client, organization, given);
      await holdAuthority(client, authority(session));
      await insertInvitation(client, { invitationId, organization, tokenHash: link.digest, sealedEmail, emailIndex, roles, invitedBy: session.user_id, expiresAt: link.expiresAt }, asker.now);
      await link.post(client);
    },
  });
  return { invitationId, expiresAt: link.expiresAt.toISOString() };
}

async function list(flows: Flows, { organization, after = '', limit }: IdentityArgs<'invitation-list'>, asker: Asker): Promise<IdentityResult<'invitation-list'>> {
  authorise(asker, 'member.invite', { organization });
  await openOrganization(flows, organization, 'closed-too');
  const rows = await flows.invitations.page(organization, after, limit + 1);
  const shown = rows.slice(0, limit);
  const emails = await flows.columns.open(shown.map(({ invitation_id, email, is_restricted }) => ({ ...emailPlace(invitation_id), sealed: is_restricted ? null : email })));
  const invitations = shown.map((row, at) => ({
    invitationId: row.invitation_id, email: emails[at], roles: [...row.roles], state: row.state, invitedBy: row.invited_by,
    invitedAt: row.invited_at.toISOString(), expiresAt: row.expires_at.toISOString(),
  }));
  return { invitations, ...(rows.length > limit ? { next: shown.at(-1)!.invitation_id } : {}) };
}

/** Whoever sends it again gives what is in it anew: he is judged as if he invited. */
async function resend(flows: Flows, { organization, invitationId }: IdentityArgs<'invitation-resend'>, asker: Asker): Promise<IdentityResult<'invitation-resend'>> {
  const { session } = authorise(asker, 'member.invite', { organization });
  const row = await invitationOf(flows, organization, invitationId);
  const given = await mayGive(flows, organization, row.roles, asker);
  const email = await emailOf(flows, row);
  await admitDomain(flows, organization, email);
  const link = await newLink(flows, { invitationId, organization, email, template: 'invitation' }, asker);
  await flows.store.execute(invitationAggregate, {
    tenant: organization,
    id: invitationId,
    command: { type: 'resend', invitationId, nowMs: asker.now.getTime(), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    project: async (client) => {
      await holdGiven(client, organization, given);
      await holdAuthority(client, authority(session));
      await renewInvitation(client, invitationId, link.digest, link.expiresAt);
      await link.post(client);
    },
  });
  return { expiresAt: link.expiresAt.toISOString() };
}

async function revoke(flows: Flows, { organization, invitationId }: IdentityArgs<'invitation-revoke'>, asker: Asker): Promise<Record<string, never>> {
  const { session } = authorise(asker, 'member.invite', { organization });
  await invitationOf(flows, organization, invitationId);
  await flows.store.execute(invitationAggregate, {
    tenant: organization,
    id: invitationId,
    command: { type: 'revoke', invitationId, nowMs: asker.now.getTime(), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await lockOrganization(client, organization);
      await holdAuthority(client, authority(session));
      await revokeInvitation(client, invitationId);
    },
  });
  return {};
}

/** Throws ORGANIZATION_UNKNOWN, INVITATION_UNKNOWN. */
async function invitationOf(flows: Flows, organization: string, invitationId: string): Promise<InvitationRow> {
  await openOrganization(flows, organization, 'closed-too');
  const row = await flows.invitations.find(organization, invitationId);
  if (row === undefined) throw new IdentityFault('INVITATION_UNKNOWN', 'there is no such invitation', { field: 'invitationId' });
  return row;
}

const emailPlace = (invitationId: string) => ({ subject: inviteeOf(invitationId), table: 'invitations', column: 'email', row: invitationId });

/** Throws INVITATION_UNKNOWN when the invitee was erased. */
export async function emailOf({ columns }: Pick<Flows, 'columns'>, { invitation_id, email }: InvitationRow): Promise<string> {
  const [opened] = await columns.open([{ ...emailPlace(invitation_id), sealed: email }]);
  if (opened === undefined) throw new IdentityFault('INVITATION_UNKNOWN', 'there is no such invitation');
  return opened;
}

/** Throws EMAIL_DOMAIN_FORBIDDEN. */
async function admitDomain({ policies }: Flows, organization: string, email: string): Promise<void> {
  const { invitationDomains } = await policies.effective(organization);
  const domain = email.slice(email.lastIndexOf('@') + 1);
  if (invitationDomains !== undefined && !invitationDomains.includes(domain)) throw new IdentityFault('EMAIL_DOMAIN_FORBIDDEN', 'policy invites addresses of other domains', { field: 'email' });
}

interface Link {
  readonly digest: string;
  readonly expiresAt: Date;
  readonly post: PostMail;
}

/**
 * The token is in the mail alone, behind `#`: servers and their logs never see it. Nobody is written to who has demanded that his address not be used,
 * which whoever invites does not learn: once that is over the invitation can be sent again.
 */
async function newLink(flows: Flows, { invitationId, organization, email, template }: Pick<NewInvitation, 'organization' | 'email' | 'template'> & { readonly invitationId: string }, asker: Asker): Promise<Link> {
  const { token, digest } = newSessionToken();
  const expiresAt = new Date(asker.now.getTime() + INVITATION_MS);
  const values = { organization, link: `${flows.relyingParty.origin}/links/invitation#${token}`, until: utcMinutes(expiresAt) };
  const known = await flows.users.findByEmail(await flows.keys.emailIndexes(email));
  if (known?.is_restricted === true) return { digest, expiresAt, post: async () => undefined };
  const post = await flows.mail.compose({ template, to: { subject: inviteeOf(invitationId), address: email }, values, usefulMs: INVITATION_MS });
  return { digest, expiresAt, post };
}
