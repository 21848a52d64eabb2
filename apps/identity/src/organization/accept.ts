import { sessionDigest } from '@countersign/credentials';
import type { IdentityArgs } from '@countersign/contracts';
import { createAccount } from '../account/register.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { invitationAggregate } from '../domain/invitation.js';
import { memberAggregate } from '../domain/member.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { personIn } from '../request/authorise.js';
import { authority } from '../session/sessions.js';
import { takeInvitation, type InvitationRow } from '../store/invitation-rows.js';
import { applyMemberEvents } from '../store/member-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { givenRoles, holdGiven, type GivenRole } from './giving.js';
import { emailOf } from './invitations.js';
import { openOrganization } from './organizations.js';

export function acceptHandlers(flows: Flows): Pick<Handlers, 'invitation-accept' | 'invitation-join'> {
  return {
    'invitation-accept': (args, asker) => accept(flows, args, asker),
    'invitation-join': (args, asker) => join(flows, args, asker),
  };
}

interface Valid {
  readonly row: InvitationRow;
  readonly email: string;
  readonly tokenHash: string;
  readonly given: readonly GivenRole[];
}

/** Makes the account, and with it the membership: all of it, or nothing. */
async function accept(flows: Flows, { token, name, password }: IdentityArgs<'invitation-accept'>, asker: Asker): Promise<Record<string, never>> {
  const valid = await validInvitation(flows, token, asker);
  const { row: { invitation_id: invitationId, organization }, email } = valid;
  // Told to whoever has the link, which went to that address.
  if ((await flows.users.findByEmail(await flows.keys.emailIndexes(email))) !== undefined) {
    throw new IdentityFault('INVITATION_NEEDS_SIGN_IN', 'the address has an account: sign in, and join with the same link');
  }
  const creation = { by: 'invitation', organization, platformRoles: [], member: { organization, roles: valid.row.roles, invitationId } } as const;
  const userId = flows.newId();
  const { ip, userAgent } = asker.context;
  const take = await takeIt(flows, valid, userId, { ...asker, origin: { subject: userId, ip, userAgent }, cause: { ...asker.cause, actor: { type: 'user', id: userId } } });
  await createAccount(flows, { email, name, password }, { ...creation, userId }, asker, take);
  return {};
}

/** Whoever has an account joins with it, if it is that of the address that was invited. */
async function join(flows: Flows, { token }: IdentityArgs<'invitation-join'>, asker: Asker): Promise<Record<string, never>> {
  const { session } = personIn(asker);
  const { user_id: userId } = session;
  const valid = await validInvitation(flows, token, asker);
  const { row: { invitation_id: invitationId, organization, roles }, email, given } = valid;
  const user = (await flows.users.find(userId))!;
  const [own] = await flows.columns.open([{ subject: userId, table: 'users', column: 'email', row: userId, sealed: user.email }]);
  if (own !== email) throw new IdentityFault('INVITATION_OTHER_ADDRESS', 'the invitation is for another address', { field: 'token' });
  const take = await takeIt(flows, valid, userId, asker);
  await flows.store.execute(memberAggregate, {
    tenant: organization,
    id: userId,
    command: { type: 'join', userId, roles, invitationId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    project: async (client, events) => {
      await holdGiven(client, organization, given);
      await holdAuthority(client, authority(session));
      await take(client);
      await applyMemberEvents(client, organization, userId, events, asker.now);
    },
  });
  await flows.revocations.enforce(userId);
  return {};
}

/** Throws INVITATION_*, ORGANIZATION_CLOSED, ROLE_UNKNOWN. */
async function validInvitation(flows: Flows, token: string, asker: Asker): Promise<Valid> {
  const tokenHash = sessionDigest(token);
  const row = await flows.invitations.byToken(tokenHash);
  if (row === undefined) throw new IdentityFault('INVITATION_UNKNOWN', 'there is no such invitation', { field: 'token' });
  if (row.state === 'accepted') throw new IdentityFault('INVITATION_USED', 'the invitation was accepted already', { field: 'token' });
  if (row.state === 'revoked') throw new IdentityFault('INVITATION_REVOKED', 'the invitation was withdrawn', { field: 'token' });
  if (row.expires_at <= asker.now) throw new IdentityFault('INVITATION_EXPIRED', 'the invitation has expired', { field: 'token' });
  await openOrganization(flows, row.organization);
  const given = await givenRoles(flows, row.organization, row.roles);
  return { row, tokenHash, given, email: await emailOf(flows, row) };
}

/** Uses the invitation up in the transaction of what it is used for. */
async function takeIt({ store }: Flows, { row, tokenHash }: Valid, userId: string, { cause, origin, now }: Pick<Asker, 'cause' | 'origin' | 'now'>) {
  const { invitation_id: invitationId, organization } = row;
  return store.stage(invitationAggregate, {
    tenant: organization,
    id: invitationId,
    command: { type: 'accept', invitationId, userId, nowMs: now.getTime(), origin },
    ...cause,
    project: (client) => takeInvitation(client, invitationId, tokenHash),
  });
}
