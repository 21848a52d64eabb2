import { decodeBase64, encodeBase64 } from './base64.js';
import { parseCheckpoint, verifyCheckpoint } from './checkpoint.js';
import type { VerifiedCheckpoint } from './checkpoint.js';
import { parseDecimal } from './decimal.js';
import { ChainFault } from './fault.js';
import { HASH_BYTES, leafHash } from './hash.js';
import { PROOF_HASHES_MAX, verifyInclusion } from './inclusion-proof.js';
import { NOTE_BYTES_MAX } from './note.js';
import type { Vkey } from './vkey.js';

/** Proof files that verify offline: index, inclusion proof, checkpoint (C2SP tlog-proof). */

export const EXTRA_BYTES_MAX = 64 * 1024;
export const TLOG_PROOF_CHARS_MAX = NOTE_BYTES_MAX + 128 * 1024;

export interface TlogProof {
  readonly leafIndex: number;
  /** From the leaf's sibling up to the root's child, 32 bytes each. */
  readonly proof: readonly Buffer[];
  /** Verbatim, signatures included. */
  readonly checkpointNote: string;
  /** Not authenticated by anything: never to be trusted. */
  readonly extra?: Buffer;
}

export interface VerifiedTlogProof {
  readonly leafIndex: number;
  readonly leafHash: Buffer;
  readonly checkpoint: VerifiedCheckpoint;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
const EXTRA = 'extra ';
const INDEX = 'index ';

/** Text of a proof file. Throws as {@link parseTlogProof} does, for parts that it would not read back as the same. */
export function formatTlogProof({ leafIndex, proof, checkpointNote, extra }: TlogProof): string {
  const lines = [HEADER];
  if (extra !== undefined && extra.length > 0) lines.push(EXTRA + encodeBase64(extra));
  lines.push(`${INDEX}${leafIndex}`, ...proof.map(encodeBase64), '');
  const text = `${lines.join('\n')}\n${checkpointNote}`;
  parseTlogProof(text);
  return text;
}

/**
 * Reads a proof file without verifying it. Throws PROOF_MALFORMED, and NOTE_MALFORMED or CHECKPOINT_MALFORMED for what
 * follows the empty line.
 */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > TLOG_PROOF_CHARS_MAX) throw malformed('length');
  const headEnd = text.indexOf('\n\n');
  if (headEnd < 0) throw malformed('empty line before the checkpoint');
  const checkpointNote = text.slice(headEnd + 2);
  const lines = text.slice(0, headEnd).split('\n');
  if (lines.shift() !== HEADER) throw malformed('first line');
  const extra = lines[0]?.startsWith(EXTRA) === true ? parseExtra(lines.shift()!) : undefined;
  const indexLine = lines.shift();
  if (indexLine?.startsWith(INDEX) !== true) throw malformed('index line');
  const leafIndex = parseDecimal(indexLine.slice(INDEX.length));
  if (leafIndex === undefined) throw malformed('index');
  if (lines.length > PROOF_HASHES_MAX) throw malformed('number of hashes');
  const proof = lines.map(parseHash);
  parseCheckpoint(checkpointNote);
  return extra === undefined ? { leafIndex, proof, checkpointNote } : { leafIndex, proof, checkpointNote, extra };
}

/**
 * Verifies offline that `entry` is in the log: the checkpoint is signed by every key given, and the proof leads from the
 * entry to its root. Throws as {@link parseTlogProof}, verifyCheckpoint and verifyInclusion do.
 */
export function verifyTlogProof(
  text: string,
  { entry, origin, vkeys }: { readonly entry: Uint8Array; readonly origin: string; readonly vkeys: readonly Vkey[] },
): VerifiedTlogProof {
  const { leafIndex, proof, checkpointNote } = parseTlogProof(text);
  const checkpoint = verifyCheckpoint(checkpointNote, { origin, vkeys });
  const leaf = leafHash(entry);
  verifyInclusion({ leafIndex, treeSize: checkpoint.treeSize, leafHash: leaf, proof, root: checkpoint.root });
  return { leafIndex, leafHash: leaf, checkpoint };
}

function parseExtra(line: string): Buffer {
  const extra = decodeBase64(line.slice(EXTRA.length));
  if (extra === undefined || extra.length > EXTRA_BYTES_MAX) throw malformed('extra');
  return extra;
}

function parseHash(line: string): Buffer {
  const hash = decodeBase64(line);
  if (hash?.length !== HASH_BYTES) throw malformed('hash');
  return hash;
}

function malformed(what: string): ChainFault {
  return new ChainFault('PROOF_MALFORMED', `tlog-proof: ${what} is not valid`, { field: what });
}
