import { decide, decideGrant, decodeSet, permissionsIn, roleSet, rolesNeedMfa, setNeedsMfa, SYSTEM_ROLES, encodeSet, type Assignment, type Denial, type PermissionId, type Principal, type SystemRoleId, type Target } from '@countersign/access';
import type { HeldRole, IdentityFaultCode, IdentityPrincipal } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import type { CheckedSession } from '../store/session-rows.js';
import { policyOfRows } from '../store/policy-rows.js';
import type { LoadedRole, UserRow } from '../store/user-rows.js';
import type { Asker, SignedIn, SignedInPerson } from './asker.js';

const FAULT_OF: Readonly<Record<Denial, IdentityFaultCode>> = {
  PERMISSION_MISSING: 'FORBIDDEN',
  SCOPE_TOO_NARROW: 'FORBIDDEN',
  PERSON_REQUIRED: 'FORBIDDEN',
  TARGET_OUTRANKS: 'TARGET_OUTRANKS',
  GRANT_EXCEEDS_OWN: 'GRANT_EXCEEDS_OWN',
  MFA_ENROLLMENT_REQUIRED: 'MFA_ENROLLMENT_REQUIRED',
  STEP_UP_REQUIRED: 'STEP_UP_REQUIRED',
};

/** What a role grants where it is held. Throws ROLE_UNKNOWN. */
export function assignmentOf({ role, organization, permissions }: LoadedRole): Assignment {
  if (permissions !== undefined) return { organization, permissions: decodeSet(permissions) };
  const known = SYSTEM_ROLES.find(({ id }) => id === role);
  const level = organization === undefined ? 'global' : 'organization';
  if (known === undefined || !known.levels.includes(level)) throw new IdentityFault('ROLE_UNKNOWN', 'there is no such role at this level', { field: 'role' });
  return { organization, permissions: roleSet(role as SystemRoleId, level) };
}

/** As it is told: what a role grants is asked for elsewhere. */
export const heldRole = ({ role, organization }: LoadedRole): HeldRole => (organization === undefined ? { role } : { role, organization });

/** Who the session belongs to, as libs/access and the edge see him. */
export function signedInBy(session: CheckedSession): SignedInPerson {
  const assignments = session.roles.map(assignmentOf);
  const organization = session.organization ?? undefined;
  const permissions = permissionsIn(organization, assignments);
  const { isMfaRequired } = policyOfRows(session.policies);
  const mfa = { needed: isMfaRequired || rolesNeedMfa(session.roles.map(({ role }) => role)) || setNeedsMfa(permissions), enrolled: session.is_mfa_enrolled };
  const principal: Principal = {
    kind: 'person',
    userId: session.user_id,
    organization,
    permissions,
    mfa,
    assurance: { level: session.assurance, atMs: session.assurance_at.getTime() },
  };
  const view: IdentityPrincipal = {
    kind: 'person',
    userId: session.user_id,
    sessionId: session.session_id,
    organization,
    roles: session.roles.map(heldRole),
    permissions: encodeSet(permissions),
    mfa,
    passwordDue: session.password_due ?? undefined,
    assurance: { level: session.assurance, at: session.assurance_at.toISOString() },
    expiresAt: session.expires_at.toISOString(),
  };
  return { principal, view, session };
}

/** A user as the target of an action, with everything that he holds. */
export function targetOf({ user_id, organization, roles }: Pick<UserRow, 'user_id' | 'organization' | 'roles'>): Target {
  return { userId: user_id, organization: organization ?? undefined, assignments: roles.map(assignmentOf) };
}

/** Who asks, who must have a session. Throws UNAUTHENTICATED. */
export function signedIn({ signedIn }: Asker): SignedIn {
  if (signedIn === undefined) throw new IdentityFault('UNAUTHENTICATED', 'there is no session');
  return signedIn;
}

/** The same, who must be a person with a session. Throws UNAUTHENTICATED, FORBIDDEN. */
export function personIn(asker: Asker): SignedInPerson {
  const who = signedIn(asker);
  if (isPerson(who)) return who;
  throw new IdentityFault('FORBIDDEN', 'no API key does this: sign in');
}

const isPerson = (who: SignedIn): who is SignedInPerson => who.view.kind === 'person';

/** Throws UNAUTHENTICATED, PASSWORD_CHANGE_REQUIRED, FORBIDDEN, TARGET_OUTRANKS, MFA_ENROLLMENT_REQUIRED, STEP_UP_REQUIRED. */
export function authorise(asker: Asker, permission: PermissionId, target: Target): SignedIn {
  const who = signedIn(asker);
  // Also what needs no fresh proof: whoever signs in with a stolen password is to get nothing out of it.
  if (who.session.password_due !== null && permission !== 'password.change') throw new IdentityFault('PASSWORD_CHANGE_REQUIRED', 'change the password first');
  const decision = decide(who.principal, permission, target, asker.now.getTime());
  if (!decision.allowed) throw new IdentityFault(FAULT_OF[decision.reason], `${permission}: ${decision.reason}`);
  return who;
}

/** Nobody grants, or takes, what he does not hold. Throws GRANT_EXCEEDS_OWN. */
export function authoriseGrant({ principal }: SignedIn, granted: Assignment): void {
  const decision = decideGrant(principal, granted);
  if (!decision.allowed) throw new IdentityFault(FAULT_OF[decision.reason], `role: ${decision.reason}`, { field: 'role' });
}
