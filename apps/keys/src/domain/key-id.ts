import { base32 } from '@countersign/envelope';
import type { KeyKind } from './key.js';

const PREFIX: Readonly<Record<KeyKind | 'subject' | 'wrapped' | 'epoch', string>> = { tenant: 'tk', data: 'dk', index: 'ik', signing: 'gk', subject: 'sk', wrapped: 'wk', epoch: 'ek' };

/** Sixteen random bytes as an id that says which kind of key it names and which version: `dk_<26 characters>_3`. */
export function keyIdOf(kind: keyof typeof PREFIX, random: Uint8Array, version: number): string {
  // Lower case: ids are compared by people.
  return `${PREFIX[kind]}_${base32(random).toLowerCase()}_${version}`;
}

/** The id of the next version of the same key. */
export function nextKeyId(keyId: string, version: number): string {
  return `${keyId.slice(0, keyId.lastIndexOf('_'))}_${version}`;
}
