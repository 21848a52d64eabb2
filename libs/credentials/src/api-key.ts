import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { decodeStrictly } from './base64.js';
import { bytesToBigInt, fromBase62, toBase62 } from './base62.js';
import { CredentialFault } from './fault.js';

/**
 * `csk_<id>_<secret><checksum>`: a prefix that scanners for leaked secrets can be told of, a public id, 256 random bits, and a checksum by which
 * a mistyped or made-up key is known without asking anybody, after the format of GitHub's tokens
 * (github.blog, "Behind GitHub's new authentication token formats").
 */
const PREFIX = 'csk';
const ID_CHARS = 12;
const ID_BYTES = 9;
const SECRET_CHARS = 43;
const SECRET_BYTES = 32;
const CHECKSUM_CHARS = 6;
const PREVIEW_CHARS = 4;
const MAC_LABEL = 'countersign.api-key.v1\n';
const KEY = new RegExp(`^${PREFIX}_([0-9A-Za-z]{${ID_CHARS}})_([0-9A-Za-z]{${SECRET_CHARS}})([0-9A-Za-z]{${CHECKSUM_CHARS}})$`);
const SECRETS = 1n << BigInt(SECRET_BYTES * 8);
const MAC = /^k([1-9][0-9]{0,9}):([A-Za-z0-9_-]{43})$/;

/** A key from the key service, under which API keys are kept. */
export interface MacKey {
  readonly version: number;
  readonly bytes: Uint8Array;
}

export interface ApiKey {
  /** Public: names the key in logs, lists and the database. */
  readonly id: string;
  /** The key itself: shown once, kept nowhere. */
  readonly text: string;
  /** What may be shown for ever: prefix, id, last four characters. */
  readonly preview: string;
}

const checksumOf = (body: string): string => toBase62(BigInt(crc32(body)), CHECKSUM_CHARS);

/** The key that these random bytes make: 9, of which 71 bits are used, and 32. */
export function apiKeyFrom(idBytes: Uint8Array, secretBytes: Uint8Array): ApiKey {
  const id = toBase62(bytesToBigInt(idBytes) >> 1n, ID_CHARS);
  const body = `${PREFIX}_${id}_${toBase62(bytesToBigInt(secretBytes), SECRET_CHARS)}`;
  return parseApiKey(`${body}${checksumOf(body)}`);
}

export const newApiKey = (): ApiKey => apiKeyFrom(randomBytes(ID_BYTES), randomBytes(SECRET_BYTES));

/** @throws CredentialFault API_KEY_MALFORMED, also when the checksum is another: not worth a look into the database */
export function parseApiKey(text: string): ApiKey {
  const [, id = '', secret = '', checksum = ''] = KEY.exec(text) ?? [];
  const value = fromBase62(secret);
  const isOurs = id !== '' && value !== undefined && value < SECRETS && checksum === checksumOf(text.slice(0, -CHECKSUM_CHARS));
  if (!isOurs) throw new CredentialFault('API_KEY_MALFORMED', `an API key is ${PREFIX}_<id>_<secret><checksum>`);
  return { id, text, preview: `${PREFIX}_${id}_…${text.slice(-PREVIEW_CHARS)}` };
}

/** What is stored: `k<version>:<HMAC-SHA-256, base64url>`. Whoever has the database alone can neither use nor recognise a key. */
export const apiKeyMac = ({ text }: ApiKey, key: MacKey): string => `k${key.version}:${macBytes(text, key.bytes).toString('base64url')}`;

/**
 * Is this the key of that stored text? In constant time.
 * @throws CredentialFault API_KEY_MALFORMED for a stored text of another form; API_KEY_MAC_KEY_UNKNOWN when there is no key of its version
 */
export function verifyApiKey({ text }: ApiKey, stored: string, bytesOf: (version: number) => Uint8Array | undefined): boolean {
  const [, version = '', mac = ''] = MAC.exec(stored) ?? [];
  const expected = decodeStrictly(mac, 'base64url');
  if (version === '' || expected === undefined) throw new CredentialFault('API_KEY_MALFORMED', 'a stored API key is k<version>:<HMAC>');
  const bytes = bytesOf(Number(version));
  if (bytes === undefined) throw new CredentialFault('API_KEY_MAC_KEY_UNKNOWN', `no key of version ${version}`);
  return timingSafeEqual(macBytes(text, bytes), expected);
}

const macBytes = (text: string, key: Uint8Array): Buffer => createHmac('sha256', key).update(MAC_LABEL).update(text).digest();
