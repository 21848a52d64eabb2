import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ed25519NoteSignature, formatNote, formatVkey, SIGNATURE_TYPE } from '@countersign/chain';
import { countersign, temporaryFolder } from './terminal.js';

const NAME = 'keys.example/erasures';
const LINES = [NAME, 'countersign destruction receipt v1', 'acme', '"user-17"', 'sk_aaaaaaaaaaaaaaaaaaaaaaaaaa_1', '2026-11-22T07:00:00.000Z'];

const pair = (name: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { vkey: formatVkey(name, SIGNATURE_TYPE.ed25519, publicKey), sign: (text: string) => ed25519NoteSignature(name, privateKey, text) };
};
const signer = pair(NAME);
const stranger = pair('elsewhere.example/erasures');
const textOf = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
const receiptOf = (lines: readonly string[], by = [signer]): string => formatNote(textOf(lines), by.map(({ sign }) => sign(textOf(lines))));
const changed = (at: number, line: string): string[] => LINES.map((old, i) => (i === at ? line : old));

async function verified(receipt: string, key = signer.vkey): Promise<{ exitCode: number; document: Record<string, unknown> }> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'receipt'), receipt);
  const { exitCode, out } = await countersign(folder, ['verify', '--receipt', join(folder, 'receipt'), '--key', key, '--json']);
  rmSync(folder, { recursive: true });
  return { exitCode, document: JSON.parse(out) as Record<string, unknown> };
}

describe('a destruction receipt', () => {
  it('says what was destroyed', async () => {
    expect(await verified(receiptOf(LINES))).toEqual({
      exitCode: 0,
      document: { ok: true, signer: NAME, tenant: 'acme', subject: 'user-17', keyId: LINES[4], orderedAt: LINES[5] },
    });
  });

  it('of a subject without a key names none, and a subject may be any text', async () => {
    const { document } = await verified(receiptOf(changed(3, '"Zoë \\"Z\\"\\n"').with(4, '-')));
    expect(document).toEqual({ ok: true, signer: NAME, tenant: 'acme', subject: 'Zoë "Z"\n', orderedAt: LINES[5] });
  });

  const other = receiptOf(changed(3, '"user-18"'));
  it.each([
    ['RECEIPT_SIGNATURE_INVALID', 'another subject', receiptOf(LINES).replace('user-17', 'user-18')],
    ['RECEIPT_SIGNATURE_INVALID', 'a signature of another receipt', `${textOf(LINES)}\n${other.slice(other.indexOf('\u2014'))}`],
    ['RECEIPT_SIGNATURE_MISSING', 'somebody else has signed', receiptOf(LINES, [stranger])],
    ['RECEIPT_MALFORMED', 'another title', receiptOf(changed(1, 'countersign destruction receipt v2'))],
    ['RECEIPT_MALFORMED', 'no tenant', receiptOf(changed(2, 'ACME'))],
    ['RECEIPT_MALFORMED', 'a subject written in another way', receiptOf(changed(3, '"user-\\u0031\\u0037"'))],
    ['RECEIPT_MALFORMED', 'a subject that is no string', receiptOf(changed(3, '17'))],
    ['RECEIPT_MALFORMED', 'no key id', receiptOf(changed(4, ''))],
    ['RECEIPT_MALFORMED', 'a time written in another way', receiptOf(changed(5, '2026-11-22T07:00:00Z'))],
    ['RECEIPT_MALFORMED', 'a line more', receiptOf([...LINES, 'more'])],
    ['RECEIPT_MALFORMED', 'a line less', receiptOf(LINES.slice(0, -1))],
    ['RECEIPT_SIGNER_MISMATCH', 'another name above the signature', receiptOf(changed(0, 'elsewhere.example/erasures'))],
    ['NOTE_MALFORMED', 'no signature', textOf(LINES)],
  ])('is refused with %s: %s', async (code, _what, receipt) => {
    expect(await verified(receipt)).toMatchObject({ exitCode: 2, document: { ok: false, error: { code } } });
  });

  it('needs a key from elsewhere', async () => {
    const { exitCode, err } = await countersign(temporaryFolder(), ['verify', '--receipt', 'x']);
    expect([exitCode, err]).toEqual([1, 'give the public key with --key: a file is not to be believed about its own key\n']);
  });

  it('that is far too large is not read', async () => {
    expect(await verified('x'.repeat(16 * 1024 + 1))).toMatchObject({ exitCode: 1, document: { error: { code: 'USAGE' } } });
  });
});
