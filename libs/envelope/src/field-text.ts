import { base64urlLength, decodeBase64url, writeBase64url } from './base64url.js';
import { EnvelopeFault } from './fault.js';
import { type GcmResult, TAG_BYTES } from './gcm.js';
import { IV_BYTES } from './iv.js';
import { isKeyId, KEY_ID_CHARACTERS_MAX } from './key-id.js';

export const FIELD_BYTES_MAX = 65_536;

const CIPHERTEXT_CHARACTERS_MAX = base64urlLength(FIELD_BYTES_MAX);
/** The longest text that is read: `v2`, the longest key id, IV, tag and ciphertext, with four colons. */
export const FIELD_TEXT_CHARACTERS_MAX =
  2 + KEY_ID_CHARACTERS_MAX + base64urlLength(IV_BYTES) + base64urlLength(TAG_BYTES) + CIPHERTEXT_CHARACTERS_MAX + 4;

const COLON = 0x3a;
// Holds what anybody may read; reused, as nothing waits.
const scratch = Buffer.alloc(FIELD_TEXT_CHARACTERS_MAX);

/** What `v2:keyId:iv:tag:ct` says, before anything of it is believed. Only {@link parseField} makes one: its parts have their lengths. */
class ParsedField {
  readonly version = 'v2';

  constructor(
    readonly keyId: string,
    /** 12 bytes. */
    readonly iv: Buffer,
    /** 16 bytes. */
    readonly tag: Buffer,
    /** As long as the plaintext: 0 to 65,536 bytes. */
    readonly ciphertext: Buffer,
  ) {}
}
export type { ParsedField };

/**
 * Reads an encrypted field or a wrapped key without a key: its key id tells which key to fetch. Exactly one text is
 * read for one value. Throws FIELD_TOO_LARGE, FIELD_VERSION_RESERVED (v3), FIELD_VERSION_UNKNOWN, FIELD_MALFORMED.
 */
export function parseField(text: string): ParsedField {
  if (typeof text !== 'string') throw malformed('is no text');
  if (text.length > FIELD_TEXT_CHARACTERS_MAX) {
    throw new EnvelopeFault('FIELD_TOO_LARGE', `the field is over ${FIELD_TEXT_CHARACTERS_MAX} characters`);
  }
  const parts = text.split(':');
  requireVersion2(parts[0]!);
  if (parts.length !== 5) throw malformed('does not have the five parts of v2:keyId:iv:tag:ct');
  const [, keyId, iv, tag, ciphertext] = parts as [string, string, string, string, string];
  if (!isKeyId(keyId)) throw malformed('has a key id that is not 1 to 64 of A-Z a-z 0-9 _ -');
  if (ciphertext.length > CIPHERTEXT_CHARACTERS_MAX) {
    throw new EnvelopeFault('FIELD_TOO_LARGE', `the field's ciphertext is over ${FIELD_BYTES_MAX} bytes`);
  }
  return new ParsedField(keyId, decode(iv, 'iv', IV_BYTES), decode(tag, 'tag', TAG_BYTES), decode(ciphertext, 'ciphertext'));
}

/** What was parsed before as it is, a text parsed now. Throws as {@link parseField}. */
export function parsedField(field: string | ParsedField): ParsedField {
  return field instanceof ParsedField ? field : parseField(field);
}

/** The text of a result under `keyId`. */
export function formatField(keyId: string, iv: Uint8Array, result: GcmResult): string {
  return scratch.toString('latin1', 0, writeField(scratch, keyId, iv, result));
}

/** The same as its ASCII, in a buffer of the caller's own. */
export function formatFieldBytes(keyId: string, iv: Uint8Array, result: GcmResult): Buffer {
  const end = writeField(scratch, keyId, iv, result);
  const bytes = Buffer.allocUnsafe(end);
  bytes.set(scratch.subarray(0, end));
  return bytes;
}

/** One pass into one buffer: five strings and what joins them cost several times as much. Returns where the text ends. */
function writeField(into: Buffer, keyId: string, iv: Uint8Array, { ciphertext, tag }: GcmResult): number {
  let at = into.write(`v2:${keyId}:`, 0, 'latin1');
  at = writeBase64url(iv, into, at);
  into[at++] = COLON;
  at = writeBase64url(tag, into, at);
  into[at++] = COLON;
  return writeBase64url(ciphertext, into, at);
}

function requireVersion2(version: string): void {
  if (version === 'v2') return;
  if (version === 'v3') throw new EnvelopeFault('FIELD_VERSION_RESERVED', 'v3, with key commitment, is reserved and not yet read');
  if (/^v[0-9]{1,9}$/.test(version)) throw new EnvelopeFault('FIELD_VERSION_UNKNOWN', `the field's version ${version} is not known`);
  throw malformed('does not start with a version');
}

function decode(text: string, name: string, bytesExactly?: number): Buffer {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) throw malformed(`has a part that is not canonical base64url: ${name}`);
  if (bytesExactly !== undefined && bytes.length !== bytesExactly) throw malformed(`has a part that is not of ${bytesExactly} bytes: ${name}`);
  return bytes;
}

function malformed(rule: string): EnvelopeFault {
  return new EnvelopeFault('FIELD_MALFORMED', `the field ${rule}`);
}
