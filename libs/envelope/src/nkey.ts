import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { MessageFault } from './message-fault.js';

/**
 * User keys of NATS as node:crypto takes them (nats-io/nkeys: base32 of prefix, key and CRC-16, RFC 4648 without padding).
 * The library of NATS signs in plain JavaScript, some hundred times slower.
 */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const PREFIX_USER = 20 << 3;
const PREFIX_SEED = 18 << 3;
// RFC 8410 §7 and §4, up to the 32 bytes of the key.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Private key of a user's seed (`SU…`). Throws NKEY_MALFORMED. */
export function nkeyPrivateKey(seed: string): KeyObject {
  const raw = decode(seed.trim(), 36);
  // The seed's prefix lies over both first bytes: five bits say "seed", the next eight whose.
  if ((raw[0]! & 0xf8) !== PREFIX_SEED || (((raw[0]! & 0x07) << 5) | (raw[1]! >> 3)) !== PREFIX_USER) throw malformed();
  const der = Buffer.concat([PKCS8_PREFIX, raw.subarray(2, 34)]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
    raw.fill(0);
  }
}

/** A user's seed (`SU…`) of 32 random bytes. */
export function formatNkeySeed(secret: Uint8Array): string {
  if (secret.length !== 32) throw new RangeError('a seed is made of 32 bytes');
  return checked(Buffer.of(PREFIX_SEED | (PREFIX_USER >> 5), (PREFIX_USER & 0x1f) << 3), secret);
}

/** Public key of a user (`U…`). Throws NKEY_MALFORMED. */
export function nkeyPublicKey(text: string): KeyObject {
  const raw = decode(text.trim(), 35);
  if (raw[0] !== PREFIX_USER) throw malformed();
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw.subarray(1, 33)]), format: 'der', type: 'spki' });
}

/** `U…` of a key, private ones giving their public half. */
export function formatNkey(key: KeyObject): string {
  const der = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });
  return checked(Buffer.of(PREFIX_USER), der.subarray(SPKI_PREFIX.length));
}

function checked(prefix: Uint8Array, key: Uint8Array): string {
  const body = Buffer.concat([prefix, key]);
  const crc = Buffer.alloc(2);
  crc.writeUInt16LE(crc16(body));
  return base32(Buffer.concat([body, crc]));
}

function decode(text: string, bytes: number): Buffer {
  const raw = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) throw malformed();
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    raw[at++] = (held >> bits) & 0xff;
  }
  if (raw.length !== bytes || crc16(raw.subarray(0, -2)) !== raw.readUInt16LE(raw.length - 2)) throw malformed();
  return raw;
}

/** RFC 4648 §6, without padding. */
export function base32(raw: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of raw) {
    held = ((held << 8) | byte) & 0x1fff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

/** CRC-16/XMODEM: polynomial 0x1021, from 0. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}

const malformed = (): MessageFault => new MessageFault('NKEY_MALFORMED', 'not an nkey of a user');
