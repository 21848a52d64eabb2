import { KEY_USES_MAX } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import { activeVersion, decryptingVersion, rotationDue, versionOf, type Key, type KeyName } from '../domain/key.js';
import { KeysFault } from '../domain/keys-fault.js';
import type { KeyRing } from '../keyring/key-ring.js';
import { causeOf, type Asker, type Handlers } from '../request/asker.js';
import { record } from '../request/audit.js';
import type { HolderRows } from '../store/holder-rows.js';
import { leaseUses, type KeyRows, type Leasable } from '../store/key-rows.js';
import { LEASES_A_BLOCK, LeaseBlocks } from './lease-blocks.js';

/** Leases that meet a rotation, or the end of a version's uses, are tried again this often. */
const TRIES_MAX = 5;
/** Uses that a block of leases takes at most, unless one lease alone has more: a crash loses them. */
const BLOCK_USES_MAX = 2 ** 24;
/** Of the uses after which its policy rotates a key, a block is this share at most: it must not come sooner for a crash. */
const BLOCK_SHARE_OF_POLICY = 1 / 16;

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
  readonly holders: HolderRows;
  readonly lease: LeasePolicy;
  readonly now: () => number;
}

/** Hands out data keys and keys of blind indexes, each time with an event and for a time. */
export function dataKeyHandlers(deps: DataKeyDependencies): Pick<Handlers, 'data-key' | 'blind-index-key'> {
  const blocks = new LeaseBlocks();
  return {
    'data-key': async ({ tenant, purpose, keyId }, asker) => {
      const name = { tenant, purpose };
      return keyId === undefined ? leaseActive({ ...deps, blocks }, name, asker) : leaseForDecryption(deps, name, keyId, asker);
    },
    'blind-index-key': async ({ tenant, purpose, version }, asker) => {
      const name = { tenant, purpose };
      const key = await deps.ring.ensure(name, 'index', causeOf(asker));
      const found = version === undefined ? activeVersion(key) : decryptingVersion(key, versionOf(key, version).keyId);
      await deps.holders.ensure(asker.service, found.keyId);
      const bytes = await deps.ring.bytes(found.keyId);
      await record(deps.store, asker, 'keys.index-key.leased', { ...name, keyId: found.keyId, version: found.version });
      return { result: { keyId: found.keyId, version: found.version, ttlMs: deps.lease.ttlMs }, keys: [bytes] };
    },
  };
}

async function leaseActive(deps: DataKeyDependencies & { readonly blocks: LeaseBlocks }, name: KeyName, asker: Asker) {
  const { ring, rows, lease, store, blocks } = deps;
  for (let tries = TRIES_MAX; tries > 0; tries--) {
    const { key, usesLeased, material } = await known(deps, name, asker);
    const { keyId, version } = activeVersion(key);
    const leases = leasesOfBlock(key, lease.usesMax);
    const uses = leases * lease.usesMax;
    const due = rotationDue(key, deps.now(), usesLeased, uses);
    if (due !== undefined) {
      await ring.rotate(name, key.kind, { reason: due, due: keyId }, causeOf(asker));
      continue;
    }
    // Counted before they are handed out: what a process had in stock is lost with it, and nothing is used that was not counted.
    if (!(await blocks.takeOrReserve(keyId, leases, () => leaseUses(rows.pool, keyId, uses, KEY_USES_MAX)))) continue;
    await deps.holders.ensure(asker.service, keyId);
    const bytes = await ring.open(material!);
    await recorded(bytes, record(store, asker, 'keys.data-key.leased', { ...name, keyId, version, usesMax: lease.usesMax }));
    return { result: { keyId, version, state: 'active' as const, ttlMs: lease.ttlMs, usesMax: lease.usesMax }, keys: [bytes] };
  }
  throw new KeysFault('KEY_EXHAUSTED', 'this version has no use left');
}

/** Throws KEY_PURPOSE_FORBIDDEN when the purpose is taken by another kind. */
async function known({ ring, rows }: DataKeyDependencies, name: KeyName, asker: Asker): Promise<Leasable> {
  const found = await rows.leasable(name);
  if (found?.key.kind === 'data') return found;
  await ring.ensure(name, 'data', causeOf(asker));
  return (await rows.leasable(name))!;
}

function leasesOfBlock({ policy }: Key, usesMax: number): number {
  const uses = policy.uses === 0 ? BLOCK_USES_MAX : Math.min(BLOCK_USES_MAX, policy.uses * BLOCK_SHARE_OF_POLICY);
  return Math.max(1, Math.min(LEASES_A_BLOCK, Math.floor(uses / usesMax)));
}

async function leaseForDecryption({ ring, rows, store, lease }: DataKeyDependencies, name: KeyName, keyId: string, asker: Asker) {
  const found = await rows.leasable(name, keyId);
  const { version, state } = decryptingVersion(found?.key, keyId);
  const bytes = await ring.open(found!.material!);
  await recorded(bytes, record(store, asker, 'keys.data-key.leased', { ...name, keyId, version, usesMax: 0 }));
  return { result: { keyId, version, state, ttlMs: lease.ttlMs, usesMax: 0 }, keys: [bytes] };
}

async function recorded(bytes: Buffer, recording: Promise<void>): Promise<void> {
  try {
    await recording;
  } catch (error) {
    bytes.fill(0);
    throw error;
  }
}
