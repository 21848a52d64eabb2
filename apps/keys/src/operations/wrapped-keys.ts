import { randomBytes } from 'node:crypto';
import { KEY_USES_MAX } from '@countersign/contracts';
import { EnvelopeFault, fieldKey, parseField, unwrapKey, wrapKey } from '@countersign/envelope';
import type { EventStore } from '@countersign/event-store';
import { keyIdOf } from '../domain/key-id.js';
import { activeVersion, decryptingVersion, type KeyName } from '../domain/key.js';
import { KeysFault } from '../domain/keys-fault.js';
import type { KeyRing } from '../keyring/key-ring.js';
import { causeOf, type Asker, type Handlers } from '../request/asker.js';
import { record } from '../request/audit.js';
import type { HolderRows } from '../store/holder-rows.js';
import { leaseUses } from '../store/key-rows.js';

const KEY_BYTES = 32;

interface WrapDependencies {
  readonly store: EventStore;
  readonly ring: KeyRing;
  readonly holders: HolderRows;
}

/** Keys of files and the like: made here, kept by the asker beside what they encrypt, opened here. */
export function wrappedKeyHandlers(deps: WrapDependencies): Pick<Handlers, 'wrap' | 'unwrap' | 'rewrap'> {
  return {
    wrap: async ({ tenant, purpose }, asker) => {
      const name = { tenant, purpose };
      const bytes = randomBytes(KEY_BYTES);
      const keyId = keyIdOf('wrapped', randomBytes(16), 1);
      const wrapped = await wrapUnderActive(deps, name, keyId, bytes, asker, 'keys.wrapped-key.created');
      return { result: { keyId, wrapped }, keys: [bytes] };
    },
    unwrap: async ({ tenant, purpose, keyId, wrapped }, asker) => {
      const name = { tenant, purpose };
      const bytes = await openWrapped(deps, name, keyId, wrapped);
      await record(deps.store, asker, 'keys.wrapped-key.unwrapped', { ...name, keyId });
      return { result: { keyId }, keys: [bytes] };
    },
    rewrap: async ({ tenant, purpose, keyId, wrapped }, asker) => {
      const name = { tenant, purpose };
      const bytes = await openWrapped(deps, name, keyId, wrapped);
      try {
        return { result: { keyId, wrapped: await wrapUnderActive(deps, name, keyId, bytes, asker, 'keys.wrapped-key.rewrapped') } };
      } finally {
        bytes.fill(0);
      }
    },
  };
}

async function wrapUnderActive({ store, ring, holders }: WrapDependencies, name: KeyName, keyId: string, bytes: Uint8Array, asker: Asker, type: string): Promise<string> {
  const active = activeVersion(await ring.ensure(name, 'data', causeOf(asker)));
  await holders.ensure(asker.service, active.keyId);
  const kekBytes = await ring.bytes(active.keyId);
  const kek = fieldKey({ keyId: active.keyId, bytes: kekBytes, usesMax: 1 });
  kekBytes.fill(0);
  const wrapped = wrapKey(kek, { ...name, keyId }, bytes);
  await record(store, asker, type, { ...name, keyId, wrappedBy: active.keyId }, {
    project: async (client) => {
      if (!(await leaseUses(client, active.keyId, 1, KEY_USES_MAX))) throw new KeysFault('KEY_EXHAUSTED', 'this version has no use left');
    },
  });
  return wrapped;
}

/** The bytes, which the caller zeroes. Throws WRAPPED_KEY_INVALID, and why the version that wraps it may not be used. */
export async function openWrapped({ ring }: Pick<WrapDependencies, 'ring'>, name: KeyName, keyId: string, wrapped: string): Promise<Buffer> {
  try {
    const version = decryptingVersion(await ring.load(name), parseField(wrapped).keyId);
    const kekBytes = await ring.bytes(version.keyId);
    const kek = fieldKey({ keyId: version.keyId, bytes: kekBytes, usesMax: 0 });
    kekBytes.fill(0);
    return unwrapKey(kek, { ...name, keyId }, wrapped);
  } catch (error) {
    if (error instanceof EnvelopeFault) throw new KeysFault('WRAPPED_KEY_INVALID', 'the wrapped key was changed, or belongs elsewhere', { field: 'wrapped' });
    throw error;
  }
}
