import { hash } from 'node:crypto';

export const HASH_BYTES = 32;

// Domain separation: a node must never pass for a leaf, nor a leaf for a node (RFC 6962 §2.1).
const LEAF_PREFIX = '\u0000';
export const LEAF_PREFIX_BYTE = 0x00;
const NODE_PREFIX = 0x01;

/** SHA-256 of `bytes`. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/** SHA-256 of `bytes` or of a string's UTF-8, in lower-case hex. Hex is the fastest digest that node:crypto hands out. */
export function sha256Hex(input: Uint8Array | string): string {
  return hash('sha256', input, 'hex');
}

/** Merkle leaf hash of an entry's bytes: SHA-256(0x00 || entry) (RFC 6962 §2.1). */
export function leafHash(entry: Uint8Array): Buffer {
  return sha256(Buffer.concat([Buffer.of(0x00), entry]));
}

/** Leaf hash, in hex, of an entry held as text: its UTF-8 bytes are what is hashed. */
export function leafHashOfText(entry: string): string {
  return hash('sha256', LEAF_PREFIX + entry, 'hex');
}

const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, NODE_PREFIX);

/** Interior hash SHA-256(0x01 || left || right) (RFC 6962 §2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HASH_BYTES);
  nodeHashInto(left, 0, right, 0, out, 0);
  return out;
}

/** {@link nodeHash} over 32-byte slices at offsets, written to `out` at `outAt`; `out` may be one of the inputs. */
export function nodeHashInto(
  left: Uint8Array,
  leftAt: number,
  right: Uint8Array,
  rightAt: number,
  out: Buffer,
  outAt: number,
): void {
  for (let i = 0; i < HASH_BYTES; i++) {
    nodeInput[1 + i] = left[leftAt + i]!;
    nodeInput[1 + HASH_BYTES + i] = right[rightAt + i]!;
  }
  out.write(hash('sha256', nodeInput, 'binary'), outAt, HASH_BYTES, 'latin1');
}

/** Root of the empty tree: SHA-256 of nothing (RFC 6962 §2.1). */
export const EMPTY_ROOT: Buffer = sha256(new Uint8Array(0));

/** `previousEventHash` of index 0: binds the chain to its origin. Hex. */
export function genesisHash(origin: string): string {
  return sha256Hex(`countersign.ledger.v1\n${origin}\n`);
}
