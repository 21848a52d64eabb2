import type { AdmittedEvent } from './admit.js';
import { ENTRY_BYTES_MAX, type ActorType, type Outcome, type Reference, type Severity } from './event.js';
import { ChainFault } from './fault.js';
import { leafHashOfText } from './hash.js';
import { jcs, jcsString } from './jcs.js';
import type { PartDescriptor } from './part.js';
import type { JsonValue } from './event.js';

/** Version of the entry's bytes. */
export const ENTRY_VERSION = 1;

/** The object whose canonical JSON is hashed (docs/spec/ledger-format.md, "Entry"). */
export interface Entry {
  readonly v: typeof ENTRY_VERSION;
  readonly index: number;
  readonly recordedAt: string;
  readonly previousEventHash: string;
  readonly parts: readonly PartDescriptor[];
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly tenant: string;
  readonly time: string;
  readonly severity: Severity;
  readonly outcome: Outcome;
  readonly actor: { readonly type: ActorType; readonly id: string };
  readonly resource?: Reference;
  readonly correlationId?: string;
  readonly producer?: { readonly id: string; readonly sequence: number };
}

/** Where the next entry goes. */
export interface Link {
  readonly index: number;
  readonly previousEventHash: string;
}

export interface ChainedEntry {
  /** The entry's canonical JSON; its UTF-8 bytes are the leaf. */
  readonly text: string;
  /** Hex; the chain's hash and the Merkle leaf hash alike. */
  readonly eventHash: string;
}

/** Encodes the entry that records `admitted` at `link`, and hashes it. Throws EVENT_ENTRY_TOO_LARGE. */
export function chainEntry(
  admitted: AdmittedEvent,
  parts: readonly PartDescriptor[],
  link: Link,
  recordedAt: string,
): ChainedEntry {
  const { event } = admitted;
  // Canonical order of the names (RFC 8785 §3.2.3), written out: the fields are known, only `parts` varies.
  const text =
    `${admitted.opening},"id":"${event.id}","index":${link.index},"outcome":"${event.outcome}","parts":[` +
    encodeParts(parts) +
    `],"previousEventHash":"${link.previousEventHash}"${admitted.producer},"recordedAt":"${recordedAt}"` +
    `${admitted.resource}${admitted.closing},"v":${ENTRY_VERSION}}`;
  if (text.length * 3 > ENTRY_BYTES_MAX && Buffer.byteLength(text) > ENTRY_BYTES_MAX) {
    throw new ChainFault('EVENT_ENTRY_TOO_LARGE', `an entry is at most ${ENTRY_BYTES_MAX} bytes`);
  }
  return { text, eventHash: leafHashOfText(text) };
}

function encodeParts(parts: readonly PartDescriptor[]): string {
  let out = '';
  for (const part of parts) {
    const subject = part.subject === undefined ? '' : `,"subject":${jcsString(part.subject, 'subject')}`;
    const comma = out === '' ? '' : ',';
    out += `${comma}{"bytes":${part.bytes},"digest":"${part.digest}","enc":"${part.enc}","name":"${part.name}"${subject}}`;
  }
  return out;
}

/**
 * Reads an entry's bytes strictly: the canonical JSON of an object with the fields of version 1.
 * Throws ENTRY_MALFORMED. Says nothing of hashes: whoever decodes an entry has checked its leaf, or will.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ChainFault('ENTRY_MALFORMED', 'an entry must be JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ChainFault('ENTRY_MALFORMED', 'an entry must be a JSON object');
  }
  const entry = value as Entry;
  if (entry.v !== ENTRY_VERSION) throw new ChainFault('ENTRY_MALFORMED', `v must be ${ENTRY_VERSION}`, { field: 'v' });
  if (!Number.isSafeInteger(entry.index) || entry.index < 0) {
    throw new ChainFault('ENTRY_MALFORMED', 'index must be a whole number', { field: 'index' });
  }
  for (const field of ['id', 'recordedAt', 'previousEventHash', 'tenant', 'type', 'source', 'time'] as const) {
    if (typeof entry[field] !== 'string') throw new ChainFault('ENTRY_MALFORMED', `${field} must be a string`, { field });
  }
  if (!Array.isArray(entry.parts)) throw new ChainFault('ENTRY_MALFORMED', 'parts must be a list', { field: 'parts' });
  if (canonical(value as JsonValue) !== text) throw new ChainFault('ENTRY_MALFORMED', 'an entry must be canonical JSON');
  return entry;
}

function canonical(value: JsonValue): string | undefined {
  try {
    return jcs(value, 'entry');
  } catch {
    return undefined;
  }
}
