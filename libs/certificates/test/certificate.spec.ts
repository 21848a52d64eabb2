import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { ed25519NoteSignature, formatNote, formatVkey, parseVkey, SIGNATURE_TYPE } from '@countersign/chain';
import { certificateText, statementText, verifyCertificate } from '../src/index.js';

const NAME = 'keys.example/certificates';
const STATEMENT = { subject: 'user-17', counts: { sessions: 3 }, kept: ['Zoë\u0001'] };

const pair = (name: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { vkey: parseVkey(formatVkey(name, SIGNATURE_TYPE.ed25519, publicKey)), sign: (text: string) => ed25519NoteSignature(name, privateKey, text) };
};
const signer = pair(NAME);
const stranger = pair('elsewhere.example/certificates');
const noteOf = (text: string, by = [signer]): string => formatNote(text, by.map(({ sign }) => sign(text)));
const good = noteOf(certificateText(NAME, 'erasure', statementText(STATEMENT)));

describe('a certificate', () => {
  it('says what was destroyed, to whoever has the key', () => {
    expect(verifyCertificate(good, [signer.vkey])).toEqual({ kind: 'erasure', signer: NAME, statement: STATEMENT });
  });

  it('has one text for one statement', () => {
    expect(statementText({ b: 1, a: 2 })).toBe(statementText({ a: 2, b: 1 }));
  });

  it.each([
    ['CERTIFICATE_SIGNATURE_INVALID', 'another subject', good.replace('user-17', 'user-18'), [signer.vkey]],
    ['CERTIFICATE_SIGNATURE_INVALID', 'another kind', good.replace('erasure', 'deletion'), [signer.vkey]],
    ['CERTIFICATE_SIGNATURE_MISSING', 'somebody else has signed', noteOf(certificateText(NAME, 'erasure', '{}'), [stranger]), [signer.vkey]],
    ['CERTIFICATE_SIGNATURE_MISSING', 'one of two keys has not signed', good, [signer.vkey, stranger.vkey]],
    ['CERTIFICATE_SIGNATURE_MISSING', 'no key is given', good, []],
    ['CERTIFICATE_SIGNER_MISMATCH', 'in the name of another', noteOf(certificateText('elsewhere.example/x', 'erasure', '{}')), [signer.vkey]],
    ['CERTIFICATE_MALFORMED', 'an unknown kind', noteOf(`${NAME}\ncountersign promotion certificate v1\n{}\n`), [signer.vkey]],
    ['CERTIFICATE_MALFORMED', 'a destruction receipt', noteOf(`${NAME}\ncountersign destruction receipt v1\nacme\n"u"\n-\n2026-11-22T07:00:00.000Z\n`), [signer.vkey]],
    ['CERTIFICATE_MALFORMED', 'a statement in another order', noteOf(certificateText(NAME, 'erasure', '{"b":1,"a":2}')), [signer.vkey]],
    ['CERTIFICATE_MALFORMED', 'a key twice', noteOf(certificateText(NAME, 'erasure', '{"a":1,"a":1}')), [signer.vkey]],
    ['CERTIFICATE_MALFORMED', 'a statement that is a list', noteOf(certificateText(NAME, 'erasure', '[]')), [signer.vkey]],
    ['CERTIFICATE_MALFORMED', 'no JSON', noteOf(certificateText(NAME, 'erasure', 'x')), [signer.vkey]],
    ['CERTIFICATE_MALFORMED', 'another line', noteOf(`${certificateText(NAME, 'erasure', '{}')}more\n`), [signer.vkey]],
    ['NOTE_MALFORMED', 'no signature', certificateText(NAME, 'erasure', '{}'), [signer.vkey]],
  ])('is refused with %s: %s', (code, _why, note, keys) => {
    expect(() => verifyCertificate(note, keys)).toThrow(expect.objectContaining({ code }));
  });
});
