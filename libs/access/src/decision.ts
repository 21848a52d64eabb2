import { type PermissionId, type Scope, SCOPES, SYSTEM_ROLES, type Trait, PERMISSIONS } from './model.js';
import { allows, covers, lifted, permissionOf, type PermissionSet, unionOf, widestScope } from './permission-set.js';

/** How long a proof of who one is counts for sensitive actions (ASVS 5.0 V7.5.3; NIST SP 800-63B-4 §2.2.3 asks for less). */
export const ASSURANCE_AGE_MS_MAX = 15 * 60_000;
/** The clock that stamped the proof may be ahead of ours by so much. */
export const ASSURANCE_SKEW_MS_MAX = 60_000;

/** Who asks. */
export interface Principal {
  readonly kind: 'person' | 'api-key' | 'service-account';
  /** Whose own things are meant by `own`; of an API key: of whoever it belongs to. */
  readonly userId: string;
  /** In which the session or key acts; undefined: on the platform only. */
  readonly organization?: string;
  /** `permissionsIn(organization, assignments)`; of an API key: `commonOf` that and the key's own. */
  readonly permissions: PermissionSet;
  /** `needed` when any role held has `needsMfa`, or `setNeedsMfa(permissions)`. Of persons only. */
  readonly mfa: { readonly needed: boolean; readonly enrolled: boolean };
  /** The strongest and latest proof of this session. `atMs`: milliseconds since 1970. */
  readonly assurance?: { readonly level: 'password' | 'mfa'; readonly atMs: number };
}

/** A role, or a custom role, that somebody holds in an organisation, or (undefined) on the platform. */
export interface Assignment {
  readonly organization?: string;
  readonly permissions: PermissionSet;
}

/** What is acted upon. Neither user nor organisation: the platform itself. */
export interface Target {
  /** Whose it is. */
  readonly userId?: string;
  /** To which it belongs; of an account: the organisation that keeps it, not every one that it is a member of. */
  readonly organization?: string;
  /** Of the user: everything held anywhere. Needed by permissions that `takes-over`; `judged-later` by whoever cannot know and hands on to whoever does. */
  readonly assignments?: readonly Assignment[] | 'judged-later';
}

/**
 * - PERMISSION_MISSING: not held in any scope
 * - SCOPE_TOO_NARROW: held, but not over this target
 * - PERSON_REQUIRED: not by a program
 * - TARGET_OUTRANKS: the target holds what the principal does not, or nothing is known about what it holds
 * - GRANT_EXCEEDS_OWN: nobody gives, or takes, what they do not hold
 * - MFA_ENROLLMENT_REQUIRED: the role asks for a second factor, and there is none
 * - STEP_UP_REQUIRED: who it is must be proved anew, with the second factor where there is one
 */
export const DENIALS = [
  'PERMISSION_MISSING',
  'SCOPE_TOO_NARROW',
  'PERSON_REQUIRED',
  'TARGET_OUTRANKS',
  'GRANT_EXCEEDS_OWN',
  'MFA_ENROLLMENT_REQUIRED',
  'STEP_UP_REQUIRED',
] as const;
export type Denial = (typeof DENIALS)[number];

export type Decision = { readonly allowed: true; readonly scope: Scope } | { readonly allowed: false; readonly reason: Denial; readonly scope: Scope };

/** The scope in which a permission must be held to act upon the target. */
export function scopeOf(principal: Pick<Principal, 'userId' | 'organization'>, target: Pick<Target, 'userId' | 'organization'>): Scope {
  if (target.userId !== undefined && target.userId === principal.userId) return 'own';
  if (target.organization !== undefined && target.organization === principal.organization) return 'organization';
  return 'global';
}

/** What somebody holds while acting in an organisation: the roles there and those on the platform, none of elsewhere. */
export function permissionsIn(organization: string | undefined, assignments: readonly Assignment[]): PermissionSet {
  return unionOf(...assignments.filter((one) => one.organization === undefined || one.organization === organization).map(({ permissions }) => permissions));
}

/**
 * Everything somebody holds, as it weighs against a principal who acts in `organization`: what is held over another organisation, or on the
 * platform and so over all of them, is only matched by global.
 */
export function permissionsSeenFrom(organization: string | undefined, assignments: readonly Assignment[]): PermissionSet {
  const isHere = (one: Assignment): boolean => one.organization !== undefined && one.organization === organization;
  const seen = (one: Assignment): PermissionSet => (isHere(one) ? one.permissions : lifted(one.permissions));
  return unionOf(...assignments.map(seen));
}

/** Does this set ask for a second factor, whatever the roles are called that it came from? Otherwise a custom role could do without. */
export function setNeedsMfa(set: PermissionSet): boolean {
  return PERMISSIONS.some(({ id, traits }) => traits.includes('sensitive') && allows(set, id, 'organization'));
}

/** May the principal do this to the target, now? Pure; the reason is for the answer and for the record. @throws AccessFault ACCESS_PERMISSION_UNKNOWN */
export function decide(principal: Principal, permission: PermissionId, target: Target, nowMs: number): Decision {
  const scope = scopeOf(principal, target);
  const { traits } = permissionOf(permission);
  const has = (trait: Trait): boolean => traits.includes(trait);
  const denied = (reason: Denial): Decision => ({ allowed: false, reason, scope });

  const held = widestScope(principal.permissions, permission);
  if (held === undefined) return denied('PERMISSION_MISSING');
  if (SCOPES.indexOf(held) < SCOPES.indexOf(scope)) return denied('SCOPE_TOO_NARROW');
  if (has('person') && principal.kind !== 'person') return denied('PERSON_REQUIRED');
  if (has('takes-over') && scope !== 'own' && outranks(target, principal)) return denied('TARGET_OUTRANKS');
  if (principal.kind !== 'person') return { allowed: true, scope };
  const isBeforeMfa = has('before-mfa') && scope === 'own';
  if (principal.mfa.needed && !principal.mfa.enrolled && !isBeforeMfa) return denied('MFA_ENROLLMENT_REQUIRED');
  if (!isProved(principal, has('sensitive'), isBeforeMfa, nowMs)) return denied('STEP_UP_REQUIRED');
  return { allowed: true, scope };
}

function outranks({ assignments }: Target, principal: Principal): boolean {
  if (assignments === 'judged-later') return false;
  return assignments === undefined || !covers(principal.permissions, permissionsSeenFrom(principal.organization, assignments));
}

function isProved({ mfa, assurance }: Principal, isSensitive: boolean, isBeforeMfa: boolean, nowMs: number): boolean {
  // A session that began before the second factor was asked for is worth no more than its password.
  if (mfa.needed && mfa.enrolled && !isBeforeMfa && assurance?.level !== 'mfa') return false;
  if (!isSensitive) return true;
  if (assurance === undefined || (mfa.enrolled && assurance.level !== 'mfa')) return false;
  const ageMs = nowMs - assurance.atMs;
  return ageMs <= ASSURANCE_AGE_MS_MAX && ageMs >= -ASSURANCE_SKEW_MS_MAX;
}

/**
 * May the principal put these permissions into somebody's hands, or take them away: a role assigned, withdrawn or defined, an API key made, a
 * member with roles removed? Comes after `decide` for the action itself.
 */
export function decideGrant(principal: Principal, granted: Assignment): Decision {
  const scope = scopeOf(principal, granted);
  const weight = permissionsSeenFrom(principal.organization, [granted]);
  return covers(principal.permissions, weight) ? { allowed: true, scope } : { allowed: false, reason: 'GRANT_EXCEEDS_OWN', scope };
}

/** Does any of these system roles ask for a second factor (requirement I3)? */
export function rolesNeedMfa(ids: readonly string[]): boolean {
  return SYSTEM_ROLES.some(({ id, needsMfa }) => needsMfa && ids.includes(id));
}
