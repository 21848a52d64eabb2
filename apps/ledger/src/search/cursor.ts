import { sha256 } from '@countersign/chain';
import { ReadFault } from '../store/read-fault.js';
import type { EventFilters } from './event-filters.js';

const VERSION = 1;
const INDEX_BYTES = 8;
const DIGEST_BYTES = 12;

/**
 * Where a search goes on: below a leaf index, and for the same question only. Leaves are numbered for ever, so a cursor
 * stays good while the ledger grows: what is appended meanwhile lies above it.
 */
export function encodeCursor(tenant: string, filters: EventFilters, belowIndex: number): string {
  const index = Buffer.alloc(INDEX_BYTES);
  index.writeBigUInt64BE(BigInt(belowIndex));
  return Buffer.concat([Buffer.of(VERSION), index, digestOf(tenant, filters)]).toString('base64url');
}

/** Reads a cursor. Throws CURSOR_MALFORMED, or CURSOR_OF_OTHER_QUERY when it was handed out for other filters. */
export function decodeCursor(tenant: string, filters: EventFilters, cursor: string): number {
  const bytes = Buffer.from(cursor, 'base64url');
  const wellFormed = bytes.length === 1 + INDEX_BYTES + DIGEST_BYTES && bytes[0] === VERSION && bytes.toString('base64url') === cursor;
  const index = wellFormed ? bytes.readBigUInt64BE(1) : -1n;
  if (index < 0n || index > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ReadFault('CURSOR_MALFORMED', 'cursor must be one that a search returned', 'cursor');
  }
  if (!bytes.subarray(1 + INDEX_BYTES).equals(digestOf(tenant, filters))) {
    throw new ReadFault('CURSOR_OF_OTHER_QUERY', 'cursor was returned for another ledger or other filters', 'cursor');
  }
  return Number(index);
}

function digestOf(tenant: string, { type, actor, resource, severity, from, to }: EventFilters): Buffer {
  const question = JSON.stringify([tenant, type, actor, resource, severity, from, to].map((value) => value ?? null));
  return sha256(Buffer.from(question)).subarray(0, DIGEST_BYTES);
}
