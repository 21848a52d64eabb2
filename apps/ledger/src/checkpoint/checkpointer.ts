import { setTimeout as sleep } from 'node:timers/promises';
import {
  buildConsistencyProof,
  ChainFault,
  formatCheckpoint,
  treeRoot,
  verifyCheckpoint,
  verifyConsistency,
  type HashSource,
  type TreeHead,
  type VerifiedCheckpoint,
} from '@countersign/chain';
import type { Ledger } from '../append/head.js';
import type { CheckpointSigner } from '../keys/checkpoint-signer.js';
import type { CheckpointArchive, SignedHead } from './archive.js';

/** At most this long after an append its checkpoint is signed; the interval of two signings of one ledger. */
export const CHECKPOINT_INTERVAL_MS = 500;

const STOP_ATTEMPTS_MAX = 3;
/** Whoever signs may be away, and an orchestrator kills what has not ended 10 s after it was asked to. */
const STOP_MS_MAX = 3_000;

/** Ledgers whose checkpoints are in the making side by side; each waits mostly for the disk. */
const SIGN_AT_ONCE_MAX = 16;

export interface CheckpointDependencies {
  readonly signer: Pick<CheckpointSigner, 'vkeys' | 'sign'>;
  readonly archive: CheckpointArchive;
  /** Stored tiles, read back: what is signed is what is stored, not what some process remembers. */
  readonly hashSource: (ledger: Ledger) => HashSource;
  /** Durable on return; the same checkpoint again is fine. */
  readonly store: (ledger: Ledger, head: TreeHead, note: string, signedAt: Date) => Promise<void>;
  readonly publish: (ledger: Ledger, note: string, head: TreeHead) => void;
  readonly now: () => Date;
  /**
   * Entries that are committed now. A head that is smaller than what was signed is only an old one when another instance
   * has appended and signed since. Without it, such a head always means that the ledger was put back.
   */
  readonly committedSize?: (ledger: Ledger) => Promise<number>;
}

/**
 * Signs one checkpoint: proves that `head` extends the last one, signs, checks its own signatures, archives outside
 * the database, stores, confirms to the archive, publishes. Throws ChainFault (CONSISTENCY_*, LEDGER_ROLLED_BACK) and
 * signs nothing when the tree does not extend what was signed before. Returns undefined when the tree has not grown
 * beyond it.
 */
export async function signCheckpoint(ledger: Ledger, head: TreeHead, deps: CheckpointDependencies): Promise<string | undefined> {
  const vkeys = await deps.signer.vkeys(ledger.origin);
  const previousNote = await deps.archive.latest(ledger.tenant);
  if (previousNote !== undefined) {
    const previous = verifyCheckpoint(previousNote, { origin: ledger.origin, vkeys });
    if (previous.treeSize > head.treeSize && ((await deps.committedSize?.(ledger)) ?? 0) >= previous.treeSize) return undefined;
    await requireExtension(previous, head, deps.hashSource(ledger));
    // A crash, or a failure, may have come between archiving and storing, here or in another instance.
    if (previous.treeSize > (await deps.archive.confirmedSize(ledger.tenant))) await store(ledger, previous, previousNote, signedAtOf(previous, deps), deps);
    if (previous.treeSize === head.treeSize) return undefined;
  } else if (!(await treeRoot(deps.hashSource(ledger), head.treeSize)).equals(head.root)) {
    throw new ChainFault('ROOT_MISMATCH', 'the stored tiles give another root than the head', { treeSize: head.treeSize });
  }
  const signedAt = deps.now();
  const prove = (oldSize: number): Promise<readonly Uint8Array[]> => buildConsistencyProof(deps.hashSource(ledger), oldSize, head.treeSize);
  const signatures = await deps.signer.sign(head, Math.floor(signedAt.getTime() / 1000), prove).catch(async (error: unknown) => {
    if (await isOvertaken(ledger, error, deps)) return undefined;
    throw error;
  });
  if (signatures === undefined) return undefined;
  const note = formatCheckpoint(head, signatures);
  // Never hand out what was not checked: a fault in the signer must not become a fork in the world.
  verifyCheckpoint(note, { origin: ledger.origin, vkeys });
  // The archive first: from here on nobody can take this checkpoint back.
  await deps.archive.save(ledger.tenant, note, asSigned(head, signedAt));
  await store(ledger, head, note, signedAt, deps);
  deps.publish(ledger, note, head);
  return note;
}

/** Whether the signer refused because another instance has appended, and had a larger tree signed, since this head was the newest. */
async function isOvertaken(ledger: Ledger, error: unknown, { committedSize }: CheckpointDependencies): Promise<boolean> {
  if (!(error instanceof ChainFault) || error.code !== 'LEDGER_ROLLED_BACK' || error.detail.treeSize === undefined) return false;
  return ((await committedSize?.(ledger)) ?? 0) >= error.detail.treeSize;
}

/** Only what is stored is confirmed: verification takes a confirmed checkpoint that is not there for a stolen one. */
async function store(ledger: Ledger, head: TreeHead, note: string, signedAt: Date, deps: CheckpointDependencies): Promise<void> {
  await deps.store(ledger, head, note, signedAt);
  await deps.archive.confirm(ledger.tenant, asSigned(head, signedAt));
}

const asSigned = ({ treeSize, root }: TreeHead, signedAt: Date): SignedHead => ({ treeSize, root: root.toString('hex'), signedAt: signedAt.toISOString() });

/** Throws LEDGER_ROLLED_BACK or CONSISTENCY_* unless the tree of `head` extends the one that was signed. */
async function requireExtension(previous: TreeHead, head: TreeHead, source: HashSource): Promise<void> {
  if (previous.treeSize > head.treeSize) {
    throw new ChainFault('LEDGER_ROLLED_BACK', `a checkpoint of size ${previous.treeSize} was signed, the tree has ${head.treeSize}`, { treeSize: head.treeSize });
  }
  if (previous.treeSize === head.treeSize && previous.root.equals(head.root)) return;
  const proof = await buildConsistencyProof(source, previous.treeSize, head.treeSize);
  verifyConsistency({ oldSize: previous.treeSize, oldRoot: previous.root, newSize: head.treeSize, newRoot: head.root, proof });
}

function signedAtOf({ timestampSeconds }: VerifiedCheckpoint, { now }: CheckpointDependencies): Date {
  return timestampSeconds === undefined ? now() : new Date(timestampSeconds * 1000);
}

export interface CheckpointerEvents {
  readonly onSigned: (ledger: Ledger, head: TreeHead) => void;
  readonly onBroken: (ledger: Ledger, fault: ChainFault) => void;
  /** The signer, archive or store failed; it is tried again. */
  readonly onRetry: (ledger: Ledger, error: unknown) => void;
}

/** Decides when to sign: soon after an append, never twice within the interval, never without growth. */
export class Checkpointer {
  private readonly due = new Map<number, { ledger: Ledger; head: TreeHead }>();
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(
    private readonly deps: CheckpointDependencies,
    private readonly events: CheckpointerEvents,
    private readonly intervalMs = CHECKPOINT_INTERVAL_MS,
  ) {}

  /** The committed tree is now `head`. */
  grew(ledger: Ledger, head: TreeHead): void {
    this.due.set(ledger.ledgerId, { ledger, head });
    if (this.stopping) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.round = this.round.then(() => this.signAllDue());
    }, this.intervalMs);
  }

  /** Signs what is due and stops, after `STOP_MS_MAX` at the latest. What cannot be signed now is when the ledger starts again. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await Promise.race([this.signLast(), sleep(STOP_MS_MAX, undefined, { ref: false })]);
  }

  private async signLast(): Promise<void> {
    await this.round;
    for (let attempt = 0; this.due.size > 0 && attempt < STOP_ATTEMPTS_MAX; attempt++) await this.signAllDue();
  }

  private async signAllDue(): Promise<void> {
    const due = [...this.due.values()];
    this.due.clear();
    for (let at = 0; at < due.length; at += SIGN_AT_ONCE_MAX) {
      await Promise.all(due.slice(at, at + SIGN_AT_ONCE_MAX).map(({ ledger, head }) => this.sign(ledger, head)));
    }
  }

  private async sign(ledger: Ledger, head: TreeHead): Promise<void> {
    try {
      const note = await signCheckpoint(ledger, head, this.deps);
      if (note !== undefined) this.events.onSigned(ledger, head);
    } catch (error) {
      if (error instanceof ChainFault) {
        this.events.onBroken(ledger, error);
        return;
      }
      this.events.onRetry(ledger, error);
      if (!this.due.has(ledger.ledgerId)) this.grew(ledger, head);
    }
  }
}
