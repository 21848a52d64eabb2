import { KEY_USES_MAX, type KeyState as VersionState } from '@countersign/contracts';
import { KeysFault } from './keys-fault.js';

/** A key with versions: what may be decided about it, and what follows. Pure. */

export type KeyKind = 'tenant' | 'data' | 'index' | 'signing';

export interface KeyName {
  readonly tenant: string;
  readonly purpose: string;
}

export interface RotationPolicy {
  /** 0: never for its age. */
  readonly days: number;
  /** Encryptions leased under one version; 0: only where the algorithm's limit asks for it. */
  readonly uses: number;
}

export interface KeyVersion {
  readonly version: number;
  readonly keyId: string;
  readonly state: VersionState;
  readonly createdAtMs: number;
}

export interface Key {
  readonly name: KeyName;
  readonly kind: KeyKind;
  readonly policy: RotationPolicy;
  /** Oldest first; the last is the active one unless the key is destroyed. */
  readonly versions: readonly KeyVersion[];
  readonly minimumVersion: number;
  readonly destroyAtMs: number | undefined;
}

export type RotationReason = 'asked' | 'age' | 'uses';

export type KeyCommand =
  | { readonly type: 'create'; readonly name: KeyName; readonly kind: KeyKind; readonly policy: RotationPolicy; readonly keyId: string; readonly atMs: number }
  /** A key that was made elsewhere. */
  | { readonly type: 'import'; readonly name: KeyName; readonly kind: KeyKind; readonly policy: RotationPolicy; readonly keyId: string; readonly atMs: number }
  | { readonly type: 'rotate'; readonly keyId: string; readonly reason: RotationReason; readonly atMs: number }
  | { readonly type: 'raise-minimum'; readonly version: number; readonly atMs: number }
  | { readonly type: 'retire-version'; readonly version: number; readonly remaining: number | undefined; readonly atMs: number }
  | { readonly type: 'schedule-destruction'; readonly waitDays: number; readonly isForced: boolean; readonly atMs: number }
  | { readonly type: 'cancel-destruction'; readonly atMs: number }
  | { readonly type: 'destroy'; readonly atMs: number };

export type KeyEvent =
  | { readonly type: 'created' | 'imported'; readonly name: KeyName; readonly kind: KeyKind; readonly policy: RotationPolicy; readonly keyId: string; readonly atMs: number }
  | { readonly type: 'rotated'; readonly version: number; readonly keyId: string; readonly reason: RotationReason; readonly atMs: number }
  | { readonly type: 'minimum-raised'; readonly version: number; readonly atMs: number }
  | { readonly type: 'version-retired'; readonly version: number; readonly keyId: string; readonly atMs: number }
  | { readonly type: 'destruction-scheduled'; readonly destroyAtMs: number; readonly atMs: number }
  | { readonly type: 'destruction-cancelled'; readonly atMs: number }
  | { readonly type: 'destroyed'; readonly atMs: number };

/** Purpose of the key under which subjects become digests. It is never rotated: a tombstone must be found for ever. */
export const SUBJECT_DIGESTS_PURPOSE = 'keys.subject-digests';
const DAY_MS = 86_400_000;

/** Events that the command leads to. Throws KeysFault. */
export function decideKey(command: KeyCommand, key: Key | undefined): readonly KeyEvent[] {
  if (command.type === 'create' || command.type === 'import') {
    const isImport = command.type === 'import';
    if (key !== undefined && isImport) throw new KeysFault('KEY_EXISTS', 'there is a key of this name already');
    if (key !== undefined) return [];
    const { name, kind, policy, keyId, atMs } = command;
    return [{ type: isImport ? 'imported' : 'created', name, kind, policy, keyId, atMs }];
  }
  return decideExisting(command, requireKey(key));
}

function decideExisting(command: Exclude<KeyCommand, { type: 'create' | 'import' }>, key: Key): readonly KeyEvent[] {
  const { atMs } = command;
  switch (command.type) {
    case 'rotate':
      return [{ type: 'rotated', version: activeVersion(key).version + 1, keyId: command.keyId, reason: command.reason, atMs }];
    case 'raise-minimum': {
      if (command.version > activeVersion(key).version) throw new KeysFault('KEY_UNKNOWN', 'there is no such version', { field: 'version' });
      return command.version <= key.minimumVersion ? [] : [{ type: 'minimum-raised', version: command.version, atMs }];
    }
    case 'retire-version':
      return decideRetirement(command, key);
    case 'schedule-destruction': {
      activeVersion(key);
      // A second order must neither shorten the wait that the first promised nor lengthen it unseen.
      if (key.destroyAtMs !== undefined) return [];
      if (!command.isForced && isIrreplaceable(key)) throw new KeysFault('DESTRUCTION_NOT_FORCED', 'without this key a log can never be signed again, or erased subjects no longer be told apart', { field: 'force' });
      return [{ type: 'destruction-scheduled', destroyAtMs: atMs + command.waitDays * DAY_MS, atMs }];
    }
    case 'cancel-destruction':
      activeVersion(key);
      if (key.destroyAtMs === undefined) throw new KeysFault('DESTRUCTION_NOT_SCHEDULED', 'the destruction of this key is not scheduled');
      return [{ type: 'destruction-cancelled', atMs }];
    case 'destroy':
      activeVersion(key);
      if (key.destroyAtMs === undefined || key.destroyAtMs > atMs) throw new KeysFault('DESTRUCTION_NOT_SCHEDULED', 'the destruction of this key is not due');
      return [{ type: 'destroyed', atMs }];
  }
}

/** Whose loss loses more than what lies under it: nothing that is made later takes its place. */
const isIrreplaceable = ({ name, kind }: Key): boolean => kind === 'signing' || name.purpose === SUBJECT_DIGESTS_PURPOSE;

function decideRetirement({ version, remaining, atMs }: Extract<KeyCommand, { type: 'retire-version' }>, key: Key): readonly KeyEvent[] {
  const found = versionOf(key, version);
  if (found.state === 'destroyed') return [];
  if (found.state === 'active') throw new KeysFault('KEY_IN_USE', 'the active version cannot be retired: rotate first', { field: 'version' });
  // Nobody has looked, or something was found: destroying it would lose data for good.
  if (remaining === undefined) throw new KeysFault('KEY_SCAN_MISSING', 'not every service that encrypted under this version has shown, by a scan after its leases had ended, that nothing is left');
  if (remaining > 0) throw new KeysFault('KEY_IN_USE', `${remaining} are left under this version`);
  return [{ type: 'version-retired', version, keyId: found.keyId, atMs }];
}

/** The key after the event. */
export function evolveKey(key: Key | undefined, event: KeyEvent): Key {
  if (event.type === 'created' || event.type === 'imported') {
    const { name, kind, policy, keyId, atMs } = event;
    return { name, kind, policy, minimumVersion: 1, destroyAtMs: undefined, versions: [{ version: 1, keyId, state: 'active', createdAtMs: atMs }] };
  }
  const before = requireKey(key);
  switch (event.type) {
    case 'rotated': {
      const older = before.versions.map((each): KeyVersion => (each.state === 'active' ? { ...each, state: 'decrypt-only' } : each));
      return { ...before, versions: [...older, { version: event.version, keyId: event.keyId, state: 'active', createdAtMs: event.atMs }] };
    }
    case 'minimum-raised':
      return { ...before, minimumVersion: event.version };
    case 'version-retired':
      return { ...before, versions: before.versions.map((each) => (each.version === event.version ? { ...each, state: 'destroyed' } : each)) };
    case 'destruction-scheduled':
      return { ...before, destroyAtMs: event.destroyAtMs };
    case 'destruction-cancelled':
      return { ...before, destroyAtMs: undefined };
    case 'destroyed':
      return { ...before, destroyAtMs: undefined, versions: before.versions.map((each) => ({ ...each, state: 'destroyed' })) };
  }
}

/** The version that encrypts. Throws KEY_UNKNOWN, KEY_DESTROYED. */
export function activeVersion(key: Key | undefined): KeyVersion {
  const active = requireKey(key).versions.findLast(({ state }) => state === 'active');
  if (active === undefined) throw new KeysFault('KEY_DESTROYED', 'this key was destroyed');
  return active;
}

/** A version to decrypt with. Throws KEY_UNKNOWN, KEY_DESTROYED, KEY_VERSION_TOO_OLD. */
export function decryptingVersion(key: Key | undefined, keyId: string): KeyVersion {
  const known = requireKey(key);
  const found = known.versions.find((each) => each.keyId === keyId);
  if (found === undefined) throw new KeysFault('KEY_UNKNOWN', 'there is no key of this id', { field: 'keyId' });
  if (found.state === 'destroyed') throw new KeysFault('KEY_DESTROYED', 'this version of the key was destroyed', { field: 'keyId' });
  if (found.version < known.minimumVersion) throw new KeysFault('KEY_VERSION_TOO_OLD', `versions below ${known.minimumVersion} no longer decrypt`, { field: 'keyId' });
  return found;
}

/** By number. Throws KEY_UNKNOWN. */
export function versionOf(key: Key | undefined, version: number): KeyVersion {
  const found = requireKey(key).versions.find((each) => each.version === version);
  if (found === undefined) throw new KeysFault('KEY_UNKNOWN', 'there is no such version', { field: 'version' });
  return found;
}

/**
 * Why the key must be rotated before it is leased for `leaseUses` more encryptions, if it must. The limit of the
 * algorithm (NIST SP 800-38D §8.3) holds whatever the policy says.
 */
export function rotationDue(key: Key, nowMs: number, usesLeased: number, leaseUses: number): 'age' | 'uses' | undefined {
  const active = key.versions.findLast(({ state }) => state === 'active');
  if (active === undefined) return undefined;
  if (usesLeased + leaseUses >= KEY_USES_MAX) return 'uses';
  if (key.policy.uses > 0 && usesLeased >= key.policy.uses) return 'uses';
  return isOlderThanPolicy(key, nowMs) ? 'age' : undefined;
}

/** Whether the active version has been in use for longer than the key's policy allows. */
export function isOlderThanPolicy({ policy, versions }: Key, nowMs: number): boolean {
  const active = versions.findLast(({ state }) => state === 'active');
  return active !== undefined && policy.days > 0 && nowMs - active.createdAtMs >= policy.days * DAY_MS;
}

function requireKey(key: Key | undefined): Key {
  if (key === undefined) throw new KeysFault('KEY_UNKNOWN', 'there is no such key', { field: 'purpose' });
  return key;
}
