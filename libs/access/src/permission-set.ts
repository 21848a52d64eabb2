import { AccessFault } from './fault.js';
import { type Grant, type Level, type Permission, type PermissionId, PERMISSIONS, type Scope, SCOPES, SYSTEM_ROLES, type SystemRoleId } from './model.js';

declare const made: unique symbol;

/** Bits over permission × scope, made by this file alone. A bit in one scope comes with those of every narrower scope. */
export interface PermissionSet {
  readonly length: number;
  readonly [word: number]: number;
  readonly [made]: true;
}

/** So many permissions can ever be; longer text is not of ours. */
const PERMISSIONS_MAX = 1024;
const SCOPE_COUNT = SCOPES.length;
const WORDS = Math.ceil((PERMISSIONS.length * SCOPE_COUNT) / 32);
const ENCODED_CHARS_MAX = Math.ceil((PERMISSIONS_MAX * SCOPE_COUNT) / 6);
const RANK: Readonly<Record<Scope, number>> = { own: 0, organization: 1, global: 2 };
// A Map, not an object: a name such as `constructor` must be unknown, not inherited.
const FIRST_BIT: ReadonlyMap<string, number> = new Map(PERMISSIONS.map(({ id }, position) => [id, position * SCOPE_COUNT]));
const BY_ID: ReadonlyMap<string, Permission> = new Map(PERMISSIONS.map((permission) => [permission.id, permission]));

const asSet = (words: Uint32Array): PermissionSet => words as unknown as PermissionSet;
const hasBit = (set: PermissionSet, bit: number): boolean => ((set[bit >>> 5]! >>> (bit & 31)) & 1) === 1;

/** @throws AccessFault ACCESS_PERMISSION_UNKNOWN, also for names inherited by every object */
export function permissionOf(id: string): Permission {
  const permission = BY_ID.get(id);
  if (permission === undefined) throw new AccessFault('ACCESS_PERMISSION_UNKNOWN', `there is no permission ${JSON.stringify(id.slice(0, 64))}`);
  return permission;
}

function firstBitOf(id: string): number {
  // `undefined` would turn into bit 0, and so into an answer.
  return FIRST_BIT.get(id) ?? FIRST_BIT.get(permissionOf(id).id)!;
}

export const NO_PERMISSIONS: PermissionSet = asSet(new Uint32Array(WORDS));

/**
 * @throws AccessFault ACCESS_PERMISSION_UNKNOWN; ACCESS_SCOPE_FORBIDDEN when a permission is not to be granted in that scope
 */
export function permissionSet(grants: Iterable<Grant>): PermissionSet {
  const words = new Uint32Array(WORDS);
  for (const { permission, scope } of grants) {
    if (!(permissionOf(permission).scopes as readonly string[]).includes(scope)) {
      throw new AccessFault('ACCESS_SCOPE_FORBIDDEN', `${permission} cannot be granted in scope ${JSON.stringify(scope)}`);
    }
    const first = firstBitOf(permission);
    for (let bit = first; bit <= first + RANK[scope]; bit += 1) words[bit >>> 5]! |= 1 << (bit & 31);
  }
  return asSet(words);
}

/** One bit test. @throws AccessFault ACCESS_PERMISSION_UNKNOWN: what does not exist is no answer, not even no */
export function allows(set: PermissionSet, permission: PermissionId, scope: Scope): boolean {
  return hasBit(set, firstBitOf(permission) + RANK[scope]);
}

/** Does `a` hold everything that `b` holds? */
export function covers(a: PermissionSet, b: PermissionSet): boolean {
  for (let word = 0; word < WORDS; word += 1) if ((b[word]! & ~a[word]!) !== 0) return false;
  return true;
}

function combine(sets: readonly PermissionSet[], start: number, word: (left: number, right: number) => number): PermissionSet {
  const words = new Uint32Array(WORDS).fill(start);
  for (const set of sets) for (let at = 0; at < WORDS; at += 1) words[at] = word(words[at]!, set[at]!);
  return asSet(words);
}

/** What any of them holds: somebody with several roles. */
export const unionOf = (...sets: readonly PermissionSet[]): PermissionSet => combine(sets, 0, (left, right) => left | right);

/** What both hold: an API key never does more than whoever made it may do now. */
export const commonOf = (a: PermissionSet, b: PermissionSet): PermissionSet => combine([a, b], 0xffff_ffff, (left, right) => left & right);

/** The widest scope in which the set holds a permission. */
export function widestScope(set: PermissionSet, permission: PermissionId): Scope | undefined {
  return SCOPES.findLast((scope) => allows(set, permission, scope));
}

/** The grants that make this set, one a permission, in the order of the data file. */
export function grantsOf(set: PermissionSet): Grant[] {
  return PERMISSIONS.flatMap(({ id }) => {
    const scope = widestScope(set, id);
    return scope === undefined ? [] : [{ permission: id, scope }];
  });
}

/** Cuts grants down to what can be held within one organisation; what is only ever global falls away. */
export function withinOrganization(grants: readonly Grant[]): Grant[] {
  return grants.flatMap(({ permission, scope }) => {
    const { scopes } = permissionOf(permission);
    const narrowed = scopes.findLast((candidate) => RANK[candidate] <= Math.min(RANK[scope], RANK.organization));
    return narrowed === undefined ? [] : [{ permission, scope: narrowed }];
  });
}

/** What a system role holds where it is assigned. @throws AccessFault ACCESS_SCOPE_FORBIDDEN when it is not assigned at that level */
export function roleSet(id: SystemRoleId, level: Level): PermissionSet {
  const role = SYSTEM_ROLES.find((candidate) => candidate.id === id);
  if (role?.levels.includes(level) !== true) throw new AccessFault('ACCESS_SCOPE_FORBIDDEN', `role ${JSON.stringify(id)} is not assigned at level ${JSON.stringify(level)}`);
  return permissionSet(level === 'global' ? role.grants : withinOrganization(role.grants));
}

/** What an organisation's own role holds. @throws AccessFault ACCESS_SCOPE_FORBIDDEN for a grant beyond the organisation; ACCESS_PERMISSION_UNKNOWN */
export function customRoleSet(grants: readonly Grant[]): PermissionSet {
  const beyond = grants.find(({ scope }) => scope === 'global');
  if (beyond !== undefined) throw new AccessFault('ACCESS_SCOPE_FORBIDDEN', `a role of an organisation cannot grant ${beyond.permission} in scope "global"`);
  return permissionSet(grants);
}

/** The same permissions, those over one organisation taken as over all of them: the measure of what somebody holds in another organisation. */
export function lifted(set: PermissionSet): PermissionSet {
  const words = Uint32Array.from({ length: WORDS }, (_, word) => set[word]!);
  for (const first of FIRST_BIT.values()) {
    const bit = first + RANK.global;
    if (hasBit(set, first + RANK.organization)) words[bit >>> 5]! |= 1 << (bit & 31);
  }
  return asSet(words);
}

/** base64url without padding; bit n is bit n%8 of byte n/8; trailing zero bytes are left out, so that each set has one text. */
export function encodeSet(set: PermissionSet): string {
  const bytes = Buffer.alloc(WORDS * 4);
  for (let word = 0; word < WORDS; word += 1) bytes.writeUInt32LE(set[word]!, word * 4);
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length -= 1;
  return bytes.toString('base64url', 0, length);
}

/**
 * Permissions that this version does not know yet are dropped: while versions are rolled out, less is granted, never more.
 * @throws AccessFault ACCESS_SET_MALFORMED
 */
export function decodeSet(text: string): PermissionSet {
  const bytes = Buffer.from(text.slice(0, ENCODED_CHARS_MAX), 'base64url');
  // Node reads past characters that are none of base64url: only what would be written this way is ours.
  if (bytes.toString('base64url') !== text || bytes.at(-1) === 0) throw new AccessFault('ACCESS_SET_MALFORMED', 'not the text of a permission set');
  const words = new Uint32Array(WORDS);
  for (let bit = 0; bit < PERMISSIONS.length * SCOPE_COUNT; bit += 1) {
    const isSet = (((bytes[bit >>> 3] ?? 0) >>> (bit & 7)) & 1) === 1;
    if (!isSet) continue;
    if (bit % SCOPE_COUNT > 0 && !hasBit(asSet(words), bit - 1)) throw new AccessFault('ACCESS_SET_MALFORMED', 'a wider scope without the narrower ones');
    words[bit >>> 5]! |= 1 << (bit & 31);
  }
  return asSet(words);
}
