import { ChainFault, EMPTY_ROOT, formatVkey, verifyConsistency } from '@countersign/chain';
import { KEYS_SYSTEM_TENANT, type KeysArgs } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import type { Pool } from '@countersign/postgres';
import { KeysFault } from '../domain/keys-fault.js';
import { SELF } from '../keyring/key-ring.js';
import { causeOf, type Handlers } from '../request/asker.js';
import { record } from '../request/audit.js';
import { signingPurpose, type LogSigner } from './log-signer.js';

interface CheckpointDependencies {
  readonly pool: Pool;
  readonly store: EventStore;
  readonly signer: LogSigner;
  readonly now: () => Date;
  readonly newId: () => string;
}

interface SignedTree {
  readonly tree_size: string;
  readonly root: Buffer | null;
}

/** Signs checkpoints, each only if it extends the last one that was signed of its log: what was signed is remembered first. */
export function checkpointHandlers(deps: CheckpointDependencies): Pick<Handlers, 'vkeys' | 'sign-checkpoint'> {
  const { pool, store, signer } = deps;
  return {
    vkeys: async ({ origin }, asker) => {
      const vkeys = await signer.vkeys(origin, causeOf(asker));
      await record(store, asker, 'keys.signing-key.shown', { origin });
      return { result: { vkeys: vkeys.map(({ name, type, publicKey }) => formatVkey(name, type, publicKey)), ...(await signedTree(pool, origin)) } };
    },
    'sign-checkpoint': async (args, asker) => {
      const { origin, treeSize, timestampSeconds } = args;
      const root = Buffer.from(args.root, 'base64');
      // Keys first: a failure of theirs must not leave a tree remembered that was never signed.
      await signer.vkeys(origin, causeOf(asker));
      await remember(deps, args, root);
      const signatures = await signer.signTree({ origin, treeSize, root }, timestampSeconds, causeOf(asker));
      return { result: { signatures: signatures.map(({ name, keyId, signature }) => ({ name, keyId, signature: signature.toString('base64') })) } };
    },
  };
}

/** Durable on return. Throws CHECKPOINT_INCONSISTENT, CHECKPOINT_BASE_MOVED. */
async function remember({ pool, now }: CheckpointDependencies, args: KeysArgs<'sign-checkpoint'>, root: Buffer): Promise<void> {
  const { origin, treeSize } = args;
  const { rows: [last] } = await pool.query<SignedTree>('SELECT tree_size, root FROM signed_trees WHERE origin = $1', [origin]);
  requireExtension(Number(last?.tree_size ?? 0), last?.root ?? EMPTY_ROOT, args, root);
  if (last === undefined) await pool.query('INSERT INTO signed_trees (origin, purpose) VALUES ($1, $2) ON CONFLICT DO NOTHING', [origin, signingPurpose(origin)]);
  // Only from the tree that was judged: of two who extend one tree at once, one is told that it moved.
  const { rowCount } = await pool.query(
    'UPDATE signed_trees SET tree_size = $2, root = $3, signed_at = $4, signatures = signatures + 1 WHERE origin = $1 AND tree_size = $5 AND root IS NOT DISTINCT FROM $6',
    [origin, treeSize, root, now(), last?.tree_size ?? 0, last?.root ?? null],
  );
  if (rowCount !== 1) throw new KeysFault('CHECKPOINT_BASE_MOVED', 'another tree was signed meanwhile', { field: 'oldSize', signedSize: (await signedTree(pool, origin)).signedSize });
}

async function signedTree(pool: Pool, origin: string): Promise<{ readonly signedSize: number; readonly signedRoot?: string }> {
  const { rows: [last] } = await pool.query<SignedTree>('SELECT tree_size, root FROM signed_trees WHERE origin = $1', [origin]);
  return { signedSize: Number(last?.tree_size ?? 0), ...(last?.root == null ? {} : { signedRoot: last.root.toString('base64') }) };
}

function requireExtension(signedSize: number, signedRoot: Buffer, { treeSize, oldSize, proof }: KeysArgs<'sign-checkpoint'>, root: Buffer): void {
  if (treeSize < signedSize) throw new KeysFault('CHECKPOINT_INCONSISTENT', 'a larger tree of this log was signed before', { field: 'treeSize', signedSize });
  if (oldSize !== signedSize) throw new KeysFault('CHECKPOINT_BASE_MOVED', `the tree signed last has ${signedSize} leaves`, { field: 'oldSize', signedSize });
  try {
    verifyConsistency({ oldSize, oldRoot: signedRoot, newSize: treeSize, newRoot: root, proof: proof.map((hash) => Buffer.from(hash, 'base64')) });
  } catch (error) {
    if (error instanceof ChainFault) throw new KeysFault('CHECKPOINT_INCONSISTENT', `the tree does not extend the one signed last: ${error.code}`, { field: 'proof' });
    throw error;
  }
}

/**
 * Puts signatures on record, counted per log since the last time. Each event makes the system ledger grow, which has its
 * own checkpoints signed here: a single signature of that log alone is left for later, or each report would cause the next.
 */
export async function reportSignatures({ pool, store, newId }: Pick<CheckpointDependencies, 'pool' | 'store' | 'newId'>): Promise<void> {
  const { rows } = await pool.query<{ origin: string; count: string; signatures: string }>(
    'SELECT origin, signatures - reported AS count, signatures FROM signed_trees WHERE signatures > reported ORDER BY origin LIMIT 100',
  );
  const isOwnEcho = rows.length === 1 && rows[0]!.count === '1' && rows[0]!.origin.endsWith(`/${KEYS_SYSTEM_TENANT}`);
  if (rows.length === 0 || isOwnEcho) return;
  await store.append({
    tenant: KEYS_SYSTEM_TENANT,
    stream: `signatures/${newId()}`,
    expectedVersion: 0,
    events: rows.map(({ origin, count }) => ({ type: 'keys.signing-key.used', resource: { type: 'log', id: origin }, data: { origin, operation: 'sign-checkpoint', count: Number(count) } })),
    project: async (client) => {
      for (const { origin, signatures } of rows) await client.query('UPDATE signed_trees SET reported = $2 WHERE origin = $1', [origin, signatures]);
    },
    ...SELF,
  });
}
