import { decide, type Denial, type PermissionId } from '@countersign/access';
import type { IdentityFaultCode } from '@countersign/contracts';
import type { Access, Target } from '../routes/route.js';
import { IdentityClientError } from '@countersign/identity-client';
import type { Caller } from './caller.js';

const CODE_OF: Readonly<Record<Denial, IdentityFaultCode>> = {
  PERMISSION_MISSING: 'FORBIDDEN',
  SCOPE_TOO_NARROW: 'FORBIDDEN',
  PERSON_REQUIRED: 'FORBIDDEN',
  TARGET_OUTRANKS: 'TARGET_OUTRANKS',
  GRANT_EXCEEDS_OWN: 'GRANT_EXCEEDS_OWN',
  MFA_ENROLLMENT_REQUIRED: 'MFA_ENROLLMENT_REQUIRED',
  STEP_UP_REQUIRED: 'STEP_UP_REQUIRED',
};
const MESSAGES: Partial<Record<IdentityFaultCode, string>> = {
  MFA_ENROLLMENT_REQUIRED: 'your role asks for a second factor: enrol one first',
  STEP_UP_REQUIRED: 'prove again who you are: POST /v1/account/step-up',
};

/** The access rule of a route. Throws IdentityClientError. */
export function authoriseRoute(caller: Caller, { permission, target, only }: Extract<Access, { kind: 'permission' }>, params: Readonly<Record<string, string>>, nowMs: number): void {
  if (only !== undefined && caller.access.kind !== only) throw new IdentityClientError('FORBIDDEN', 'this takes the API key of a service account');
  authorise(caller, permission, target(params, caller.access), nowMs);
}

/** Lets a caller through, or throws IdentityClientError. Identity decides again for everything that it holds itself. */
export function authorise({ access, principal }: Caller, permission: PermissionId, target: Target, nowMs: number): void {
  if (principal.kind === 'person' && principal.passwordDue !== undefined) throw new IdentityClientError('PASSWORD_CHANGE_REQUIRED', 'change your password first: POST /v1/account/password');
  // What the target itself holds is known to identity alone.
  const decision = decide(access, permission, { ...target, assignments: 'judged-later' }, nowMs);
  if (decision.allowed) return;
  const code = CODE_OF[decision.reason];
  throw new IdentityClientError(code, MESSAGES[code] ?? 'you may not do this');
}
