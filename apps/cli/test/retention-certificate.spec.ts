import { createHash, generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { certificateText, statementText } from '@countersign/certificates';
import { ed25519NoteSignature, formatNote, formatVkey, SIGNATURE_TYPE } from '@countersign/chain';
import { deletionList } from '@countersign/contracts';
import { countersign, temporaryFolder } from './terminal.js';

const NAME = 'keys.example/certificates';
const IDS = ['s-2', 's-1', 's-10'];
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const VKEY = formatVkey(NAME, SIGNATURE_TYPE.ed25519, publicKey);
const STATEMENT = { certificate: 'o-1', tenant: 'acme', resources: 3, listSha256: createHash('sha256').update(deletionList(IDS)).digest('hex') };
const text = certificateText(NAME, 'deletion', statementText(STATEMENT));
const CERTIFICATE = formatNote(text, [ed25519NoteSignature(NAME, privateKey, text)]);

async function verified(certificate: string, list?: readonly string[], key = VKEY): Promise<{ exitCode: number; document: Record<string, unknown> }> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'certificate'), certificate);
  if (list !== undefined) writeFileSync(join(folder, 'list'), list.map((id) => `${id}\n`).join(''));
  const { exitCode, out } = await countersign(folder, ['retention', 'certificate', 'verify', join(folder, 'certificate'), ...(list === undefined ? [] : ['--list', join(folder, 'list')]), '--key', key, '--json']);
  rmSync(folder, { recursive: true });
  return { exitCode, document: JSON.parse(out) as Record<string, unknown> };
}

describe('a deletion certificate', () => {
  it('says what was deleted, offline, whatever order its list comes in', async () => {
    const document = { ok: true, kind: 'deletion', signer: NAME, statement: STATEMENT };
    expect(await verified(CERTIFICATE)).toEqual({ exitCode: 0, document: { ...document, listChecked: false } });
    expect(await verified(CERTIFICATE, IDS)).toEqual({ exitCode: 0, document: { ...document, listChecked: true } });
    expect(await verified(CERTIFICATE, [...IDS].reverse())).toMatchObject({ exitCode: 0 });
  });

  const stranger = generateKeyPairSync('ed25519');
  it.each([
    ['CERTIFICATE_SIGNATURE_INVALID', 'another number', CERTIFICATE.replace('"resources":3', '"resources":4'), undefined, VKEY],
    ['CERTIFICATE_SIGNATURE_MISSING', 'the key of somebody else', CERTIFICATE, undefined, formatVkey(NAME, SIGNATURE_TYPE.ed25519, stranger.publicKey)],
    ['CERTIFICATE_LIST_MISMATCH', 'an id more', CERTIFICATE, [...IDS, 's-3'], VKEY],
    ['CERTIFICATE_LIST_MISMATCH', 'an id less', CERTIFICATE, IDS.slice(1), VKEY],
    ['NOTE_MALFORMED', 'no signature', text, undefined, VKEY],
  ])('is refused with %s: %s', async (code, _what, certificate, list, key) => {
    expect(await verified(certificate, list, key)).toMatchObject({ exitCode: 2, document: { ok: false, error: { code } } });
  });
});
