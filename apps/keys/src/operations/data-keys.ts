import { KEY_USES_MAX } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import { activeVersion, decryptingVersion, rotationDue, versionOf, type Key, type KeyName } from '../domain/key.js';
import { KeysFault } from '../domain/keys-fault.js';
import type { KeyRing } from '../keyring/key-ring.js';
import { causeOf, type Asker, type Handlers } from '../request/asker.js';
import { record } from '../request/audit.js';
import { leaseUses, type KeyRows } from '../store/key-rows.js';

/** Leases that meet a rotation, or the end of a version's uses, are tried again this often. */
const TRIES_MAX = 5;

export interface LeasePolicy {
  readonly ttlMs: number;
  /** Encryptions of one lease of a data key. */
  readonly usesMax: number;
  /** Encryptions of one lease of a subject's key. */
  readonly subjectUsesMax: number;
}

export interface DataKeyDependencies {
  readonly store: EventStore;
  readonly ring: KeyRing;
  readonly rows: KeyRows;
  readonly lease: LeasePolicy;
  readonly now: () => number;
}

/** Hands out data keys and keys of blind indexes, each time with an event and for a time. */
export function dataKeyHandlers(deps: DataKeyDependencies): Pick<Handlers, 'data-key' | 'blind-index-key'> {
  return {
    'data-key': async ({ tenant, purpose, keyId }, asker) => {
      const name = { tenant, purpose };
      return keyId === undefined ? leaseActive(deps, name, asker) : leaseForDecryption(deps, name, keyId, asker);
    },
    'blind-index-key': async ({ tenant, purpose, version }, asker) => {
      const name = { tenant, purpose };
      const key = await deps.ring.ensure(name, 'index', causeOf(asker));
      const found = version === undefined ? activeVersion(key) : decryptingVersion(key, versionOf(key, version).keyId);
      const bytes = await deps.ring.bytes(found.keyId);
      await record(deps.store, asker, 'keys.index-key.leased', { ...name, keyId: found.keyId, version: found.version });
      return { result: { keyId: found.keyId, version: found.version, ttlMs: deps.lease.ttlMs }, keys: [bytes] };
    },
  };
}

async function leaseActive(deps: DataKeyDependencies, name: KeyName, asker: Asker) {
  const { ring, rows, lease, store } = deps;
  for (let tries = TRIES_MAX; ; tries--) {
    const key = await rotatedIfDue(deps, await ring.ensure(name, 'data', causeOf(asker)), asker);
    const { keyId, version } = activeVersion(key);
    const bytes = await ring.bytes(keyId);
    try {
      // Uses and event in one transaction: what was not counted was not handed out.
      await record(store, asker, 'keys.data-key.leased', { ...name, keyId, version, usesMax: lease.usesMax }, {
        project: async (client) => {
          if (!(await leaseUses(client, keyId, lease.usesMax, KEY_USES_MAX))) throw new KeysFault('KEY_EXHAUSTED', 'this version has no use left');
        },
      });
      return { result: { keyId, version, state: 'active' as const, ttlMs: lease.ttlMs, usesMax: lease.usesMax }, keys: [bytes] };
    } catch (error) {
      bytes.fill(0);
      // Somebody has rotated meanwhile, or taken the last uses.
      if (tries > 1 && error instanceof KeysFault && error.code === 'KEY_EXHAUSTED') continue;
      throw error;
    }
  }

  async function rotatedIfDue({ now }: DataKeyDependencies, key: Key, by: Asker): Promise<Key> {
    const reason = rotationDue(key, now(), await rows.usesLeased(activeVersion(key).keyId), lease.usesMax);
    return reason === undefined ? key : ring.rotate(key.name, key.kind, reason, causeOf(by));
  }
}

async function leaseForDecryption({ ring, store, lease }: DataKeyDependencies, name: KeyName, keyId: string, asker: Asker) {
  const { version, state } = decryptingVersion(await ring.load(name), keyId);
  const bytes = await ring.bytes(keyId);
  await record(store, asker, 'keys.data-key.leased', { ...name, keyId, version, usesMax: 0 });
  return { result: { keyId, version, state, ttlMs: lease.ttlMs, usesMax: 0 }, keys: [bytes] };
}
