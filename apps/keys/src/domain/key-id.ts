import type { KeyKind } from './key.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const PREFIX: Readonly<Record<KeyKind | 'subject' | 'wrapped' | 'epoch', string>> = { tenant: 'tk', data: 'dk', index: 'ik', signing: 'gk', subject: 'sk', wrapped: 'wk', epoch: 'ek' };

/** Sixteen random bytes as an id that says which kind of key it names and which version: `dk_<26 characters>_3`. */
export function keyIdOf(kind: keyof typeof PREFIX, random: Uint8Array, version: number): string {
  return `${PREFIX[kind]}_${base32(random)}_${version}`;
}

/** The id of the next version of the same key. */
export function nextKeyId(keyId: string, version: number): string {
  return `${keyId.slice(0, keyId.lastIndexOf('_'))}_${version}`;
}

/** RFC 4648 §6 in lower case, without padding: ids are compared by people. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0x1fff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}
