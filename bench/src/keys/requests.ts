import { randomBytes } from 'node:crypto';
import { buildConsistencyProof, formatCheckpoint, RightEdge, verifyCheckpoint, type HashSource } from '@countersign/chain';
import { KEYS_BATCH_MAX } from '@countersign/contracts';
import type { Keys } from '@countersign/key-client';

export const TENANT = 'acme';
/** What one request for subjects' keys may name. */
export const SUBJECTS_BATCH = KEYS_BATCH_MAX;

/** So many tenants' keys share the leases: those of one version end at 2^32 uses. */
const TENANTS = 16;
/** Leaves between two checkpoints. */
const LEAVES = 50;
const ORIGIN = 'bench.localhost/signed';

/** Milliseconds of each of `count` requests for a data key, one after the other, past every cache. */
export async function dataKeyLatency({ client }: Keys, count: number): Promise<readonly number[]> {
  const latenciesMs: number[] = [];
  for (let k = 0; k < count; k++) {
    const startMs = performance.now();
    const { keys } = await client.ask('data-key', { tenant: `tenant-${k % TENANTS}`, purpose: 'identity.mfa' });
    latenciesMs.push(performance.now() - startMs);
    for (const key of keys) key.fill(0);
  }
  return latenciesMs;
}

/** Has a key made for each of these subjects. Keys a second. */
export async function createSubjects({ subjects: cipher }: Keys, subjects: readonly string[]): Promise<number> {
  const startMs = performance.now();
  for (let at = 0; at < subjects.length; at += SUBJECTS_BATCH) {
    const { faults } = await cipher.ensure(TENANT, subjects.slice(at, at + SUBJECTS_BATCH));
    if (faults.size > 0) throw new Error(`${faults.size} subjects got no key: ${[...faults.values()][0]!}`);
  }
  return (subjects.length * 1000) / (performance.now() - startMs);
}

/** A log that grows and has each of its trees signed, with the proof that it grew. */
export class SignedLog {
  readonly #tree = new GrowingTree();
  readonly #notes: string[] = [];

  constructor(private readonly keys: Keys) {}

  /** Milliseconds of each of `count` signatures, one after the other. */
  async sign(count: number): Promise<readonly number[]> {
    const latenciesMs: number[] = [];
    for (let k = 0; k < count; k++) {
      this.#tree.grow(LEAVES);
      const { treeSize } = this.#tree.edge;
      const head = { origin: ORIGIN, treeSize, root: this.#tree.edge.root() };
      const startMs = performance.now();
      const signatures = await this.keys.signer.sign(head, Math.floor(Date.now() / 1000), (oldSize) => buildConsistencyProof(this.#tree, oldSize, treeSize));
      latenciesMs.push(performance.now() - startMs);
      this.#notes.push(formatCheckpoint(head, signatures));
    }
    return latenciesMs;
  }

  /** Throws ChainFault unless every signature holds. */
  async verify(): Promise<void> {
    const vkeys = await this.keys.signer.vkeys(ORIGIN);
    for (const note of this.#notes) verifyCheckpoint(note, { origin: ORIGIN, vkeys });
  }
}

/** A tree of random leaves, in memory, as a ledger's tiles are. */
class GrowingTree implements HashSource {
  readonly edge = RightEdge.empty();
  readonly #full = new Map<string, Uint8Array>();

  grow(leaves: number): void {
    for (let k = 0; k < leaves; k++) {
      for (const { level, tileIndex, hashes } of this.edge.append(randomBytes(32))) this.#full.set(`${level}/${tileIndex}`, hashes);
    }
  }

  hashes(level: number, tileIndex: number, width: number): Promise<Uint8Array> {
    return Promise.resolve((this.#full.get(`${level}/${tileIndex}`) ?? this.edge.partialTile(level)).subarray(0, width * 32));
  }
}
