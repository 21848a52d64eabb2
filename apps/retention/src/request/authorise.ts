import { decide, type Denial, type PermissionId } from '@countersign/access';
import type { RetentionFaultCode } from '@countersign/contracts';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Asker } from './asker.js';

const FAULT_OF: Readonly<Record<Denial, RetentionFaultCode>> = {
  PERMISSION_MISSING: 'FORBIDDEN',
  SCOPE_TOO_NARROW: 'FORBIDDEN',
  PERSON_REQUIRED: 'FORBIDDEN',
  // No permission of retention takes somebody over, and it grants nothing.
  TARGET_OUTRANKS: 'FORBIDDEN',
  GRANT_EXCEEDS_OWN: 'FORBIDDEN',
  MFA_ENROLLMENT_REQUIRED: 'MFA_ENROLLMENT_REQUIRED',
  STEP_UP_REQUIRED: 'STEP_UP_REQUIRED',
};

/** What is acted upon: something of an organisation, of a person, or of the installation. */
export interface Target {
  readonly organization?: string;
  readonly userId?: string;
}

/**
 * Lets through whoever may do it now. A closed organisation is kept like an open one: what it holds is still to be kept, held and
 * destroyed. Throws PASSWORD_CHANGE_REQUIRED, FORBIDDEN, MFA_ENROLLMENT_REQUIRED, STEP_UP_REQUIRED, ORGANIZATION_UNKNOWN.
 */
export function authorise({ view, principal, organization, now }: Asker, permission: PermissionId, target: Target): void {
  if (view.kind === 'person' && view.passwordDue !== undefined) throw new RetentionFault('PASSWORD_CHANGE_REQUIRED', 'change the password first');
  const decision = decide(principal, permission, target, now.getTime());
  if (!decision.allowed) throw new RetentionFault(FAULT_OF[decision.reason], `${permission}: ${decision.reason}`);
  // Told only to whoever may act there: otherwise anybody could find out who is a customer.
  if (organization === 'unknown') throw new RetentionFault('ORGANIZATION_UNKNOWN', 'there is no such organisation', { field: 'organization' });
}
