import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { resumeKeys } from '../api-keys/resume-keys.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { isRenewalDue, sessionAggregate, expiryOf, type SessionCommand } from '../domain/session.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Authorised, Handlers } from '../request/asker.js';
import { authorise, personIn, signedIn, signedInBy, targetOf } from '../request/authorise.js';
import { isWithheld } from '../request/restricted.js';
import { checkPasskey } from '../passkeys/check-passkey.js';
import { recordDue } from '../sign-in/require-change.js';
import { checkCode } from '../sign-in/second-factor.js';
import { policyOfRows } from '../store/policy-rows.js';
import { endSession, endSessions, holdAuthority, raiseAssurance, renewSession, type CheckedSession, type SessionRow } from '../store/session-rows.js';

/** A session that is revoked while it is renewed, or renewed by two requests at once. */
const TRIES_MAX = 3;

type Names = 'session-check' | 'sign-out' | 'step-up' | 'session-list' | 'session-revoke' | 'session-revoke-all';

export function sessionHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'session-check': (_args, asker) => check(flows, asker),
    'sign-out': async (_args, asker) => {
      const { session } = personIn(asker);
      await end(flows, session, 'signed-out', asker);
      return {};
    },
    'step-up': (args, asker) => stepUp(flows, args, asker),
    'session-list': (args, asker) => list(flows, args, asker),
    'session-revoke': (args, asker) => revoke(flows, args, asker),
    'session-revoke-all': (args, asker) => revokeAll(flows, args, asker),
  };
}

async function check(flows: Flows, asker: Asker): Promise<IdentityResult<'session-check'>> {
  const { view, session } = personIn(asker);
  if (session.password_due !== null && !session.is_due_recorded) await noticeDue(flows, session, asker);
  await resumeKeys(flows, session, asker);
  const nowMs = asker.now.getTime();
  const caps = policyOfRows(session.policies);
  const expiresAtMs = session.expires_at.getTime();
  if (!isRenewalDue({ startedAtMs: session.started_at.getTime(), expiresAtMs }, nowMs, caps)) return view;
  const expiresAt = new Date(expiryOf(session.started_at.getTime(), nowMs, caps));
  await change(flows, session.session_id, { type: 'renew', caps, expiresAtMs }, asker, (client) => renewSession(client, session.session_id, asker.now, expiresAt));
  return { ...view, expiresAt: expiresAt.toISOString() };
}

/** It counts in any case; another edge may be putting it on record just now. */
async function noticeDue(flows: Flows, session: CheckedSession, asker: Asker): Promise<void> {
  try {
    await recordDue(flows, session, session.password_due!, asker);
  } catch (error) {
    if (!(error instanceof IdentityFault) || error.code !== 'CONFLICT') throw error;
  }
}

async function stepUp(flows: Flows, args: IdentityArgs<'step-up'>, asker: Asker): Promise<IdentityResult<'step-up'>> {
  const { session } = personIn(asker);
  const user = (await flows.users.credentials(session.user_id))!;
  const refused = (): IdentityFault => new IdentityFault('PASSWORD_WRONG', 'the password is wrong, or the second factor is asked for', { field: 'password' });
  await flows.guard.run({ what: 'factor', account: user.user_id, userId: user.user_id }, asker, async () => {
    if ('code' in args) return raise(flows, session, 'mfa', asker, await checkCode(flows, user, args.code, asker));
    if ('passkey' in args) {
      const { useUp } = await checkPasskey(flows, args.passkey, { purpose: 'step-up', userId: user.user_id }, asker);
      return raise(flows, session, 'mfa', asker, useUp);
    }
    // Where there is a second factor, a password proves too little.
    const isRight = !user.is_mfa_enrolled && (await flows.passwords.verify(args.password, user.password)).isRight;
    if (!isRight) throw refused();
    await raise(flows, session, 'password', asker);
  });
  return current(flows, asker);
}

/** Raises what the session is worth, and has edges ask for it again. */
export async function raise(flows: Flows, { session_id, user_id }: Pick<CheckedSession, 'session_id' | 'user_id'>, assurance: 'password' | 'mfa', asker: Asker, along?: (client: Client) => Promise<void>): Promise<void> {
  await change(flows, session_id, { type: 'step-up', assurance }, asker, async (client) => {
    await along?.(client);
    await raiseAssurance(client, session_id, assurance, asker.now);
  });
  await flows.revocations.enforce(user_id, [session_id]);
}

/** Who asks, as he is now. Throws UNAUTHENTICATED. */
export async function current({ sessions }: Flows, asker: Asker): Promise<IdentityResult<'step-up'>> {
  const { session } = personIn(asker);
  const fresh = await sessions.checkById(session.session_id, asker.now);
  if (fresh === undefined) throw new IdentityFault('UNAUTHENTICATED', 'the session has ended');
  return signedInBy(fresh).view;
}

async function list(flows: Flows, { userId }: IdentityArgs<'session-list'>, asker: Asker): Promise<IdentityResult<'session-list'>> {
  const { users, sessions, columns } = flows;
  const owner = await users.find(userId ?? signedIn(asker).session.user_id);
  if (owner === undefined) throw unknownUser();
  const { session } = authorise(asker, 'session.read', targetOf(owner));
  const rows = await sessions.ofUser(owner.user_id, asker.now);
  const isUntold = isWithheld(owner, asker);
  const origins = await columns.open(rows.map((row) => ({ subject: row.user_id, table: 'sessions', column: 'origin', row: row.session_id, sealed: isUntold ? null : row.origin })));
  return { sessions: rows.map((row, at) => viewOf(row, origins[at], row.session_id === session.session_id)) };
}

function viewOf(row: SessionRow, origin: string | undefined, isCurrent: boolean): IdentityResult<'session-list'>['sessions'][number] {
  const from = origin === undefined ? {} : (JSON.parse(origin) as { readonly ip: string; readonly userAgent: string });
  return { sessionId: row.session_id, startedAt: row.started_at.toISOString(), seenAt: row.seen_at.toISOString(), expiresAt: row.expires_at.toISOString(), ...from, isCurrent };
}

async function revoke(flows: Flows, { sessionId }: IdentityArgs<'session-revoke'>, asker: Asker): Promise<IdentityResult<'session-revoke'>> {
  const session = await flows.sessions.find(sessionId);
  const owner = session === undefined ? undefined : await flows.users.find(session.user_id);
  const unknown = new IdentityFault('SESSION_UNKNOWN', 'there is no such session', { field: 'sessionId' });
  if (session === undefined || owner === undefined) throw unknown;
  authorise(asker, 'session.revoke', targetOf(owner));
  await end(flows, session, 'revoked', asker);
  return {};
}

async function revokeAll(flows: Flows, { userId, keepCurrent }: IdentityArgs<'session-revoke-all'>, asker: Asker): Promise<IdentityResult<'session-revoke-all'>> {
  const { users, store, tenant, revocations } = flows;
  const owner = await users.find(userId ?? signedIn(asker).session.user_id);
  if (owner === undefined) throw unknownUser();
  const { session } = authorise(asker, 'session.revoke', targetOf(owner));
  const keptSessionId = keepCurrent && session.user_id === owner.user_id ? session.session_id : undefined;
  let revoked = 0;
  await store.execute(userAggregate, {
    tenant,
    id: owner.user_id,
    command: { type: 'end-sessions', userId: owner.user_id, keptSessionId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: TRIES_MAX,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      revoked = await endSessions(client, owner.user_id, keptSessionId, asker.now);
    },
  });
  await revocations.enforce(owner.user_id);
  return { revoked };
}

/** What holds a session's authority until the commit. */
export const authority = ({ session_id, user_id, access, api_key }: Authorised) => ({ sessionId: session_id, userId: user_id, access, key: api_key });

async function end(flows: Flows, { session_id, user_id }: Pick<SessionRow, 'session_id' | 'user_id'>, why: 'signed-out' | 'revoked', asker: Asker): Promise<void> {
  await change(flows, session_id, { type: 'end', why }, asker, (client) => endSession(client, session_id, asker.now));
  await flows.revocations.enforce(user_id, [session_id]);
}

type Client = Parameters<typeof endSession>[0];
type Change = SessionCommand extends infer C ? (C extends SessionCommand ? Omit<C, 'sessionId' | 'nowMs' | 'origin'> : never) : never;

/** One change of a session, with its read table. */
export async function change({ store, tenant }: Flows, sessionId: string, command: Change, asker: Asker, project: (client: Client) => Promise<void>): Promise<void> {
  await store.execute(sessionAggregate, {
    tenant,
    id: sessionId,
    command: { ...command, sessionId, nowMs: asker.now.getTime(), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: TRIES_MAX,
    project,
  });
}

export const unknownUser = (): IdentityFault => new IdentityFault('USER_UNKNOWN', 'there is no such user', { field: 'userId' });
