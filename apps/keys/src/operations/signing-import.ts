import { ChainFault, formatVkey, verifyCheckpoint, type VerifiedCheckpoint, type Vkey } from '@countersign/chain';
import { KEYS_IMPORT_PURPOSE, KEYS_SYSTEM_TENANT, SIGNING_SEEDS_BYTES, type KeysArgs } from '@countersign/contracts';
import { EnvelopeFault, fieldKey, openField } from '@countersign/envelope';
import { KeysFault } from '../domain/keys-fault.js';
import type { KeyRing } from '../keyring/key-ring.js';
import { causeOf, type Handlers } from '../request/asker.js';
import { logKeysOf, signingPurpose } from './log-signer.js';
import { openWrapped } from './wrapped-keys.js';

/**
 * Takes over the keys of a log that signed for itself until now, so that whoever verifies it needs no other. They come
 * sealed under a key that was handed to the asker for this and lies nowhere else.
 */
export function signingImportHandlers(ring: KeyRing, now: () => Date): Pick<Handlers, 'import-signing-key'> {
  return {
    'import-signing-key': async (args, asker) => {
      const { origin, checkpoint } = args;
      const seeds = await openSeeds(ring, args);
      try {
        const { vkeys } = logKeysOf(origin, seeds);
        const last = checkpoint === undefined ? undefined : lastSigned(checkpoint, origin, vkeys);
        await ring.import({ tenant: KEYS_SYSTEM_TENANT, purpose: signingPurpose(origin) }, 'signing', seeds, causeOf(asker), {
          commandId: asker.nonce,
          besides: async (client) => {
            if (last === undefined) return;
            await client.query('INSERT INTO signed_trees (origin, purpose, tree_size, root, signed_at) VALUES ($1, $2, $3, $4, $5)', [origin, signingPurpose(origin), last.treeSize, last.root, now()]);
          },
        });
        return { result: { vkeys: vkeys.map(({ name, type, publicKey }) => formatVkey(name, type, publicKey)), signedSize: last?.treeSize ?? 0 } };
      } finally {
        seeds.fill(0);
      }
    },
  };
}

/** Throws WRAPPED_KEY_INVALID for what was not sealed for this origin under that key. */
async function openSeeds(ring: KeyRing, { origin, transport, sealed }: KeysArgs<'import-signing-key'>): Promise<Buffer> {
  const bytes = await openWrapped({ ring }, { tenant: KEYS_SYSTEM_TENANT, purpose: KEYS_IMPORT_PURPOSE }, transport.keyId, transport.wrapped);
  try {
    const key = fieldKey({ keyId: transport.keyId, bytes, usesMax: 0 });
    const seeds = openField(key, { tenant: KEYS_SYSTEM_TENANT, table: 'signing-key', column: 'seeds', row: origin }, sealed);
    if (seeds.length === SIGNING_SEEDS_BYTES) return seeds;
    seeds.fill(0);
  } catch (error) {
    if (!(error instanceof EnvelopeFault)) throw error;
  } finally {
    bytes.fill(0);
  }
  throw new KeysFault('WRAPPED_KEY_INVALID', 'the keys were changed, or belong to another log', { field: 'sealed' });
}

/** Throws CHECKPOINT_INCONSISTENT for one that these keys have not signed. */
function lastSigned(note: string, origin: string, vkeys: readonly Vkey[]): VerifiedCheckpoint {
  try {
    return verifyCheckpoint(note, { origin, vkeys });
  } catch (error) {
    if (error instanceof ChainFault) throw new KeysFault('CHECKPOINT_INCONSISTENT', `these keys have not signed this checkpoint: ${error.code}`, { field: 'checkpoint' });
    throw error;
  }
}
