import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChainFault, formatVkey, parseVkey, sha256Hex, type NoteSignature, type TreeHead, type Vkey } from '@countersign/chain';
import { KeyClientError } from '@countersign/key-client';
import { writeFileDurably } from '@countersign/runtime';
import type { CheckpointSigner, Prove, SignedTree } from './checkpoint-signer.js';

/** Of the SHA-256 of an origin, as the name of its file. */
const NAME_CHARS = 32;

/**
 * Has checkpoints signed by the key service. Public keys of a log are remembered in a file, so that what was signed is
 * verified while the key service is away; they lie beside the archive, which only they can speak for.
 */
export class ServiceSigner implements CheckpointSigner {
  /** Logs of which the key service has refused a tree, until it is asked what it signed instead. */
  private readonly doubted = new Set<string>();
  private readonly known = new Map<string, Promise<readonly Vkey[]>>();

  constructor(
    private readonly signer: CheckpointSigner,
    /** A folder that exists. */
    private readonly dir: string,
  ) {}

  /** Throws KeyClientError when they are not remembered and the key service is away. */
  vkeys(origin: string): Promise<readonly Vkey[]> {
    let vkeys = this.known.get(origin);
    if (vkeys === undefined) {
      vkeys = this.rememberedOrAsked(origin);
      vkeys.catch(() => this.known.delete(origin));
      this.known.set(origin, vkeys);
    }
    return vkeys;
  }

  /** Throws KeyClientError; ChainFault when the tree does not extend the one that the key service signed last. */
  async sign(head: TreeHead, timestampSeconds: number, prove: Prove): Promise<readonly NoteSignature[]> {
    try {
      return await this.signer.sign(head, timestampSeconds, prove);
    } catch (error) {
      if (!(error instanceof KeyClientError) || error.code !== 'CHECKPOINT_INCONSISTENT') throw error;
      this.doubted.add(head.origin);
      throw refusedTree(head, error.detail.signedSize);
    }
  }

  /** Undefined while the key service cannot tell. Throws KeyClientError then, when it is needed, or a tree was refused: what was signed instead must be known. */
  async lastSigned(origin: string, isNeeded = false): Promise<SignedTree | undefined> {
    try {
      const signed = await this.signer.lastSigned(origin);
      this.doubted.delete(origin);
      return signed;
    } catch (error) {
      if (!(error instanceof KeyClientError) || isNeeded || this.doubted.has(origin)) throw error;
      return undefined;
    }
  }

  private async rememberedOrAsked(origin: string): Promise<readonly Vkey[]> {
    const file = join(this.dir, sha256Hex(origin).slice(0, NAME_CHARS));
    const remembered = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    if (remembered !== '') return remembered.trimEnd().split('\n').map(parseVkey);
    const vkeys = await this.signer.vkeys(origin);
    // Before anything is signed: a checkpoint in the archive can always be verified.
    await writeFileDurably(file, vkeys.map(({ name, type, publicKey }) => `${formatVkey(name, type, publicKey)}\n`).join(''), 0o600);
    return vkeys;
  }
}

function refusedTree({ treeSize }: TreeHead, signedSize: number | undefined): ChainFault {
  if (signedSize === undefined || signedSize <= treeSize) return new ChainFault('HISTORY_REWRITTEN', `the key service has signed another history than this tree of ${treeSize}`, { treeSize });
  return new ChainFault('LEDGER_ROLLED_BACK', `the key service has signed a tree of ${signedSize}, this one has ${treeSize}`, { treeSize: signedSize });
}
