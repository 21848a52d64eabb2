import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  ed25519NoteSignature,
  formatNote,
  formatVkey,
  hexKeyId,
  isNoteSignatureValid,
  parseNote,
  parseVkey,
  vkeyOf,
} from '../src/index.js';
import type { FaultCode, Note } from '../src/index.js';
import { bytes, faultOf, hex, vectorsOf } from './vectors.js';

type ValidInput =
  | { readonly operation: 'parse'; readonly note: string }
  | { readonly operation: 'verify'; readonly note: string; readonly vkey: string }
  | { readonly operation: 'sign'; readonly text: string; readonly name: string; readonly ed25519Seed: string }
  | { readonly operation: 'vkey'; readonly vkey: string };
type InvalidInput =
  | { readonly operation: 'parse'; readonly note?: string; readonly noteHex?: string }
  | { readonly operation: 'parse-vkey'; readonly vkey: string };

// PrivateKeyInfo up to the seed: RFC 8410 §7.
const PKCS8_PREFIX_ED25519 = '302e020100300506032b657004220420';

function perform(input: ValidInput): unknown {
  if (input.operation === 'vkey') {
    const { name, keyId, type, publicKey } = parseVkey(input.vkey);
    expect(formatVkey(name, type, publicKey)).toBe(input.vkey);
    return { name, keyId: hexKeyId(keyId), type, publicKey: hex(publicKey) };
  }
  if (input.operation === 'sign') {
    const key = createPrivateKey({ key: bytes(PKCS8_PREFIX_ED25519 + input.ed25519Seed), format: 'der', type: 'pkcs8' });
    const signature = ed25519NoteSignature(input.name, key, input.text);
    return { note: formatNote(input.text, [signature]), vkey: formatVkey(input.name, 1, key) };
  }
  const note = parseNote(input.note);
  expect(parseNote(Buffer.from(input.note))).toEqual(note);
  expect(formatNote(note.text, note.signatures)).toBe(input.note);
  if (input.operation === 'verify') expect(signedBy(note, input.vkey)).toEqual([true]);
  const signatures = note.signatures.map(({ name, keyId, signature }) => ({ name, keyId: hexKeyId(keyId), signature: hex(signature) }));
  return { text: note.text, signatures };
}

function signedBy(note: Note, vkeyText: string): boolean[] {
  const vkey = parseVkey(vkeyText);
  const lines = note.signatures.filter(({ name, keyId }) => name === vkey.name && keyId === vkey.keyId);
  return lines.map(({ signature }) => isNoteSignatureValid(vkey, note.text, signature));
}

describe('signed notes and verifier keys', () => {
  it.each(vectorsOf<ValidInput, unknown>('notes/valid'))('$why', ({ input, expect: expected }) => {
    expect(perform(input)).toEqual(expected);
  });
});

describe('signed notes and verifier keys that are refused', () => {
  it.each(vectorsOf<InvalidInput, { fault: FaultCode }>('notes/invalid'))('$why', async ({ input, expect: { fault } }) => {
    const read = () => (input.operation === 'parse-vkey' ? parseVkey(input.vkey) : parseNote(input.note ?? bytes(input.noteHex!)));
    expect(await faultOf(read)).toBe(fault);
  });

  it('a note is at most 1 MiB', async () => {
    const signature = '\n\u2014 a AAAAAf8=\n';
    const noteOf = (size: number) => `${'t'.repeat(size - Buffer.byteLength(signature) - 1)}\n${signature}`;
    expect(parseNote(noteOf(1024 * 1024)).signatures).toHaveLength(1);
    expect(await faultOf(() => parseNote(noteOf(1024 * 1024 + 1)))).toBe('NOTE_MALFORMED');
  });

  it('a string with half a surrogate pair is no note', async () => {
    expect(await faultOf(() => parseNote('\ud800\n\n\u2014 a AAAAAf8=\n'))).toBe('NOTE_MALFORMED');
  });

  const signature = { name: 'a', keyId: 1, signature: Buffer.of(1) };
  it.each([
    ['no signature', () => formatNote('text\n', [])],
    ['a text without a final newline', () => formatNote('text', [signature])],
    ['a name with a space', () => formatNote('text\n', [{ ...signature, name: 'a b' }])],
    ['a name with a newline', () => formatNote('text\n', [{ ...signature, name: 'a\n\n\u2014 b' }])],
    ['an empty signature', () => formatNote('text\n', [{ ...signature, signature: Buffer.alloc(0) }])],
  ])('no note is written with %s', async (_name, write) => {
    expect(await faultOf(write)).toBe('NOTE_MALFORMED');
  });

  it('every part of a published verifier key is needed, and every character counts', async () => {
    const published = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    for (let at = 0; at < published.length; at++) {
      const next = String.fromCharCode(published.charCodeAt(at) + 1);
      for (const other of [published.slice(0, at), published.slice(at + 1), published.slice(0, at) + next + published.slice(at + 1)]) {
        expect([other, await faultOf(() => parseVkey(other))]).toEqual([other, 'VKEY_MALFORMED']);
      }
    }
  });

  it('a key object of another algorithm makes no verifier key', async () => {
    const key = createPrivateKey({ key: bytes(PKCS8_PREFIX_ED25519 + '07'.repeat(32)), format: 'der', type: 'pkcs8' });
    expect(vkeyOf('a', 4, key).publicKey).toEqual(vkeyOf('a', 1, key).publicKey);
    expect(await faultOf(() => vkeyOf('a', 6, key))).toBe('VKEY_MALFORMED');
  });
});
