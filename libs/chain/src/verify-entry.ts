import { hash } from 'node:crypto';
import { ENTRY_BYTES_MAX } from './event.js';
import { ChainFault } from './fault.js';

/** A JSON string, escapes and all. Entries are matched as latin1: UTF-8's continuation bytes are never `"` or `\`. */
const STRING = String.raw`"[^"\\]*(?:\\.[^"\\]*)*"`;
const PART = String.raw`\{"bytes":\d+,"digest":"[0-9a-f]{64}","enc":"[a-z0-9]+","name":"[a-z]+"(?:,"subject":${STRING})?\}`;

/**
 * The canonical form of an entry of version 1, field for field (docs/spec/ledger-format.md, "Entry"). One match checks
 * the shape and finds what the chain needs, several times faster than parsing and encoding again.
 */
const ENTRY = new RegExp(
  String.raw`^\{"actor":\{"id":${STRING},"type":"[a-z-]+"\}(?:,"correlationId":${STRING})?` +
    String.raw`,"id":"([0-9a-f-]{36})","index":(0|[1-9]\d*),"outcome":"[a-z]+","parts":\[((?:${PART}(?:,${PART})*)?)\]` +
    String.raw`,"previousEventHash":"([0-9a-f]{64})"(?:,"producer":\{"id":${STRING},"sequence":[1-9]\d*\})?` +
    String.raw`,"recordedAt":"([0-9T:.Z-]{20,30})"(?:,"resource":\{"id":${STRING},"type":${STRING}\})?` +
    String.raw`,"severity":"[a-z]+","source":"[a-z0-9-]+","tenant":"([a-z0-9-]+)","time":"[0-9T:.Z-]+","type":"[a-z0-9.-]+","v":1\}$`,
);
const PART_FIELDS = /\{"bytes":(\d+),"digest":"([0-9a-f]{64})","enc":"[a-z0-9]+","name":"(data|personal)"/y;
const SUBJECT = new RegExp(String.raw`(?:,"subject":${STRING})?\},?`, 'y');

/** What the chain's checks read of an entry. */
export interface ScannedEntry {
  readonly id: string;
  readonly index: number;
  readonly previousEventHash: string;
  readonly recordedAt: string;
  readonly tenant: string;
  /** The text between the brackets of `parts`. */
  readonly parts: string;
}

/** Reads what the chain needs of an entry's bytes. Throws ENTRY_MALFORMED when they have not the canonical shape. */
export function scanEntry(entry: Buffer, leafIndex: number): ScannedEntry {
  const match = entry.length > ENTRY_BYTES_MAX ? null : ENTRY.exec(entry.toString('latin1'));
  if (match === null) {
    throw new ChainFault('ENTRY_MALFORMED', `entry ${leafIndex} is not the canonical JSON of an entry`, { leafIndex });
  }
  return {
    id: match[1]!,
    index: Number(match[2]),
    parts: match[3]!,
    previousEventHash: match[4]!,
    recordedAt: match[5]!,
    tenant: match[6]!,
  };
}

export interface ScannedPart {
  readonly name: 'data' | 'personal';
  readonly bytes: number;
  readonly digest: string;
}

/** The parts that an entry lists, in its order. */
export function scanParts(parts: string, leafIndex: number): ScannedPart[] {
  const scanned: ScannedPart[] = [];
  for (let at = 0; at < parts.length; ) {
    PART_FIELDS.lastIndex = at;
    const match = PART_FIELDS.exec(parts);
    if (match !== null) SUBJECT.lastIndex = PART_FIELDS.lastIndex;
    if (match === null || !SUBJECT.test(parts)) {
      throw new ChainFault('ENTRY_MALFORMED', `the parts of entry ${leafIndex} are not well formed`, { leafIndex, field: 'parts' });
    }
    scanned.push({ bytes: Number(match[1]), digest: match[2]!, name: match[3] as 'data' | 'personal' });
    at = SUBJECT.lastIndex;
  }
  return scanned;
}

const leafInput = Buffer.alloc(1 + ENTRY_BYTES_MAX);

/** Leaf hash, hex, of an entry of at most 65,535 bytes, without a new buffer for each. */
export function leafHashHex(entry: Buffer): string {
  const length = entry.copy(leafInput, 1);
  return hash('sha256', leafInput.subarray(0, 1 + length), 'hex');
}
