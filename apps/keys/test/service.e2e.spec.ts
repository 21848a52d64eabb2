import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { consistencyProofOf, formatCheckpoint, formatCheckpointBody, leafHash, parseNote, parseVkey, rootOf, sha256Hex, verifyCheckpoint } from '@countersign/chain';
import { verifyCertificate } from '@countersign/certificates';
import type { Keys } from '@countersign/key-client';
import { codeOf, KeysFixture } from './fixture/keys-fixture.js';

let fixture: KeysFixture;
let ledger: Keys;
let identity: Keys;

beforeAll(async () => {
  fixture = await KeysFixture.make();
  await fixture.start();
  ledger = await fixture.as('ledger');
  identity = await fixture.as('identity');
}, 60_000);
afterAll(() => fixture.close());

const PLACE = { table: 'quarantine', column: 'body', row: '1' };

describe('data keys', () => {
  it('encrypt in the service, and decrypt in another process of it', async () => {
    const text = await ledger.fields.seal('acme', 'ledger.quarantine', PLACE, Buffer.from('secret'));
    expect(text).toMatch(/^v2:dk_[a-z2-7]{26}_1:/);
    const other = await fixture.as('ledger');
    expect((await other.fields.open('acme', 'ledger.quarantine', PLACE, text)).toString()).toBe('secret');
  });

  it('are handed out once for many fields, each time with an event', async () => {
    const before = (await fixture.audit('keys.data-key.leased')).length;
    for (let i = 0; i < 100; i++) await ledger.fields.seal('acme', 'ledger.parked', { ...PLACE, row: String(i) }, Buffer.from('x'));
    const events = await fixture.audit('keys.data-key.leased');
    expect(events.length - before).toBe(1);
    expect(events.at(-1)).toMatchObject({ actor: { id: 'ledger' }, data: { tenant: 'acme', purpose: 'ledger.parked', version: 1, usesMax: 1_000 } });
  });

  it('have their uses counted and reported', async () => {
    const keys = await fixture.as('ledger');
    const text = await keys.fields.seal('acme', 'ledger.counted', PLACE, Buffer.from('x'));
    await keys.fields.seal('acme', 'ledger.counted', PLACE, Buffer.from('y'));
    await keys.fields.open('acme', 'ledger.counted', PLACE, text);
    await keys.report();
    const [keyId] = text.split(':').slice(1);
    expect((await fixture.audit('keys.cached-key.used')).at(-1)?.data['uses']).toEqual({ [keyId!]: { encrypt: 2, decrypt: 1 } });
  });
});

describe('certificates', () => {
  const statement = '{"subject":"user-17"}';

  it('are signed for retention alone, by a key that is not that of receipts', async () => {
    const retention = await fixture.as('retention');
    const { result } = await retention.client.ask('sign-certificate', { kind: 'erasure', statement });
    expect(verifyCertificate(result.certificate, [parseVkey(result.vkey)])).toEqual({ kind: 'erasure', signer: 'keys.example/certificates', statement: { subject: 'user-17' } });
    const digest = sha256Hex(result.certificate);
    expect((await fixture.audit('keys.certificate.signed')).at(-1)).toMatchObject({ actor: { id: 'retention' }, data: { kind: 'erasure', digest } });
    const receipt = await retention.client.ask('destroy-subject', { tenant: 'acme', subject: 'user-17', reason: 'test' });
    expect(parseNote(receipt.result.receipt).signatures[0]!.name).not.toBe('keys.example/certificates');
    expect(await codeOf(identity.client.ask('sign-certificate', { kind: 'erasure', statement }))).toBe('KEY_PURPOSE_FORBIDDEN');
    expect(await codeOf(ledger.client.ask('sign-certificate', { kind: 'deletion', statement }))).toBe('KEY_PURPOSE_FORBIDDEN');
  });

  it('hold one line: a second one could be taken for another statement', async () => {
    const retention = await fixture.as('retention');
    expect(await codeOf(retention.client.ask('sign-certificate', { kind: 'erasure', statement: '{}\n{}' }))).toBe('REQUEST_MALFORMED');
  });
});

describe("subjects' keys", () => {
  it('encrypt per subject in one request, and the same key is handed out again', async () => {
    const keys = await ledger.subjects.ensure('acme', ['user-1', 'user-2', 'user-1']);
    const place = { table: 'entries', column: 'personal', row: 'e-1/0' };
    const texts = ['user-1', 'user-2'].map((subject) => keys.seal(subject, place, Buffer.from(`about ${subject}`)));
    const other = await fixture.as('ledger');
    const opened = await other.subjects.openAll(texts.map((text) => ({ tenant: 'acme', context: place, text })));
    expect(opened.map((each) => ('bytes' in each ? each.bytes.toString() : each.fault))).toEqual(['about user-1', 'about user-2']);
    const again = await other.subjects.sealAll([{ tenant: 'acme', subject: 'user-1', context: place, bytes: Buffer.from('more') }]);
    expect('text' in again[0]! && again[0].text.split(':')[1]).toBe(texts[0]!.split(':')[1]);
  });

  it('of another tenant are not handed out by their id', async () => {
    const keys = await ledger.subjects.ensure('acme', ['user-3']);
    const text = keys.seal('user-3', PLACE, Buffer.from('x'));
    const [opened] = await ledger.subjects.openAll([{ tenant: 'globex', context: PLACE, text }]);
    expect(opened).toEqual({ fault: 'KEY_UNKNOWN' });
  });

  it('are gone after an erasure, for ever, with a signed receipt', async () => {
    const retention = await fixture.as('retention');
    const keys = await ledger.subjects.ensure('acme', ['user-9', 'user-10']);
    const texts = ['user-9', 'user-10'].map((subject) => keys.seal(subject, PLACE, Buffer.from('x')));
    const { result } = await retention.client.ask('destroy-subject', { tenant: 'acme', subject: 'user-9', reason: 'request 17' });
    const receipt = parseNote(result.receipt);
    expect(receipt.text.split('\n').slice(0, 5)).toEqual(['keys.example/receipts', 'countersign destruction receipt v1', 'acme', '"user-9"', texts[0]!.split(':')[1]]);
    const fresh = await fixture.as('ledger');
    const opened = await fresh.subjects.openAll(texts.map((text) => ({ tenant: 'acme', context: PLACE, text })));
    expect(opened.map((each) => ('bytes' in each ? 'open' : each.fault))).toEqual(['SUBJECT_ERASED', 'open']);
    expect((await fresh.subjects.ensure('acme', ['user-9'])).faults).toEqual(new Map([['user-9', 'SUBJECT_ERASED']]));
    // The service that held the key was told to drop it.
    expect(await ledger.subjects.openAll([{ tenant: 'acme', context: PLACE, text: texts[0]! }])).toEqual([{ fault: 'SUBJECT_ERASED' }]);
    expect((await fixture.audit('keys.subject-key.destroyed')).at(-1)?.data).toMatchObject({ tenant: 'acme', subject: 'user-9', receipt: result.receipt });
    const again = await retention.client.ask('destroy-subject', { tenant: 'acme', subject: 'user-9', reason: 'again' });
    expect(again.result).toEqual(result);
  });
});

describe('checkpoints', () => {
  const origin = 'ledger.example/acme';
  const leaves = Array.from({ length: 9 }, (_, i) => leafHash(Buffer.from(`entry ${i}`)));
  const headOf = (size: number) => ({ origin, treeSize: size, root: rootOf(leaves.slice(0, size)) });
  const prove = (size: number) => async (oldSize: number) => consistencyProofOf(oldSize, leaves.slice(0, size));

  it('are signed with both algorithms, and verify', async () => {
    const head = headOf(3);
    const note = formatCheckpoint(head, await ledger.signer.sign(head, 1_700_000_000, prove(3)));
    expect(verifyCheckpoint(note, { origin, vkeys: await ledger.signer.vkeys(origin) })).toMatchObject({ treeSize: 3, timestampSeconds: 1_700_000_000 });
    expect(parseNote(note).text).toBe(formatCheckpointBody(head));
  });

  it('are signed again, and for a tree that extends it, by whichever instance', async () => {
    await ledger.signer.sign(headOf(3), 1_700_000_000, prove(3));
    await ledger.signer.sign(headOf(5), 1_700_000_001, prove(5));
    const other = await fixture.as('ledger');
    await other.signer.sign(headOf(7), 1_700_000_002, prove(7));
    // It has signed 5 and knows nothing of 7: told so, it proves from there.
    await expect(ledger.signer.sign(headOf(9), 1_700_000_003, prove(9))).resolves.toHaveLength(2);
  });

  it('are refused for a smaller tree, and for one with another past', async () => {
    expect(await codeOf(ledger.signer.sign(headOf(8), 1, prove(8)))).toBe('CHECKPOINT_INCONSISTENT');
    const forked = { ...headOf(9), root: rootOf([leafHash(Buffer.from('another')), ...leaves.slice(1)]) };
    expect(await codeOf(ledger.signer.sign(forked, 1, prove(9)))).toBe('CHECKPOINT_INCONSISTENT');
  });
});

describe('keys of files', () => {
  it('are made wrapped, opened, and wrapped again', async () => {
    const { result, keys } = await identity.client.ask('wrap', { tenant: 'acme', purpose: 'identity.export' });
    const opened = await identity.client.ask('unwrap', { tenant: 'acme', purpose: 'identity.export', ...result });
    expect(opened.keys[0]!.equals(keys[0]!)).toBe(true);
    const operator = await fixture.as('operator');
    await operator.client.ask('rotate', { tenant: 'acme', purpose: 'identity.export' });
    const rewrapped = await identity.client.ask('rewrap', { tenant: 'acme', purpose: 'identity.export', ...result });
    expect(rewrapped.result.wrapped).toMatch(/^v2:dk_[a-z2-7]{26}_2:/);
    expect((await identity.client.ask('unwrap', { tenant: 'acme', purpose: 'identity.export', ...rewrapped.result })).keys[0]!.equals(keys[0]!)).toBe(true);
  });
});
