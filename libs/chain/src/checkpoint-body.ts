import { decodeBase64, encodeBase64 } from './base64.js';
import { parseDecimal } from './decimal.js';
import { ChainFault } from './fault.js';
import { EMPTY_ROOT, HASH_BYTES } from './hash.js';

/** The text of a checkpoint: origin, tree size, root (C2SP tlog-checkpoint, "Note text"). */

/** What a checkpoint states: at this size, the tree of this log has this root. */
export interface TreeHead {
  readonly origin: string;
  readonly treeSize: number;
  /** 32 bytes. */
  readonly root: Buffer;
}

/** A cosigned message gives the origin's length in one byte (tlog-cosignature). */
export const ORIGIN_BYTES_MAX = 255;

const CONTROL = /[^\u{20}-\u{10ffff}]/u;

/**
 * Text of a checkpoint, to be signed: three lines, no extension lines. Throws CHECKPOINT_MALFORMED for an origin, size or
 * root that no checkpoint may have.
 */
export function formatCheckpointBody({ origin, treeSize, root }: TreeHead): string {
  requireOrigin(origin);
  if (!Number.isSafeInteger(treeSize) || treeSize < 0) throw malformed('tree size');
  requireRoot(treeSize, root);
  return `${origin}\n${treeSize}\n${encodeBase64(root)}\n`;
}

/**
 * Reads the text of a checkpoint. Extension lines are legal, opaque and covered by Ed25519 signatures only, so they are
 * handed back for the caller to refuse. Throws CHECKPOINT_MALFORMED, also for a size above 2^53 - 1.
 */
export function parseCheckpointBody(text: string): TreeHead & { readonly extensions: readonly string[] } {
  if (!text.endsWith('\n')) throw malformed('end');
  const [origin, size, base64, ...extensions] = text.slice(0, -1).split('\n');
  if (origin === undefined || size === undefined || base64 === undefined) throw malformed('number of lines');
  requireOrigin(origin);
  const treeSize = parseDecimal(size);
  if (treeSize === undefined) throw malformed('tree size');
  const root = decodeBase64(base64);
  if (root === undefined) throw malformed('root');
  requireRoot(treeSize, root);
  if (extensions.some((line) => line === '' || CONTROL.test(line))) throw malformed('extension line');
  return { origin, treeSize, root, extensions };
}

function requireOrigin(origin: string): void {
  const bytes = Buffer.byteLength(origin);
  if (bytes < 1 || bytes > ORIGIN_BYTES_MAX || !origin.isWellFormed() || CONTROL.test(origin)) throw malformed('origin');
}

function requireRoot(treeSize: number, root: Uint8Array): void {
  if (root.length !== HASH_BYTES) throw malformed('root');
  // There is one empty tree (RFC 6962 §2.1).
  if (treeSize === 0 && !EMPTY_ROOT.equals(root)) throw malformed('root of the empty tree');
}

function malformed(what: string): ChainFault {
  return new ChainFault('CHECKPOINT_MALFORMED', `checkpoint: ${what} is not valid`, { field: what });
}
