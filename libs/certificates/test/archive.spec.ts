import { generateKeyPairSync } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { ed25519NoteSignature, formatCheckpointBody, formatNote, formatTlogProof, formatVkey, jcs, leafHash, parseVkey, saltedPart, SIGNATURE_TYPE, type JsonObject } from '@countersign/chain';
import fc from 'fast-check';
import yauzl from 'yauzl';
import { certificateText, verifyArchive, writeArchive, type ArchiveCheck, type ArchiveRecord, type ArchiveSource, type ByteSource } from '../src/index.js';

const pair = (name: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { text: formatVkey(name, SIGNATURE_TYPE.ed25519, publicKey), vkey: parseVkey(formatVkey(name, SIGNATURE_TYPE.ed25519, publicKey)), sign: (text: string) => ed25519NoteSignature(name, privateKey, text) };
};
const certifier = pair('keys.example/certificates');
const log = pair('ledger.example/acme');
const ABOUT = { archive: 'archive-1', request: 'request-1', tenant: 'system', subject: 'user-7', receivedAt: '2026-11-22T16:00:00.000Z', madeAt: '2026-11-22T16:00:01.000Z' };

/** The only entry of a ledger, with one part of each kind. */
function entryRecord(name: string, altered: { entry?: JsonObject; part?: JsonObject; proof?: false } = {}): ArchiveRecord {
  const part = saltedPart('data', jcs({ name }, 'data'), Buffer.alloc(16, 7));
  const personal = { name: 'personal', enc: 'v2', subject: 'user-7', digest: 'ab'.repeat(32), bytes: 9 };
  const entry = { v: 1, index: 0, recordedAt: '2026-11-22T16:00:00.000Z', previousEventHash: '0'.repeat(64), parts: [JSON.parse(JSON.stringify(part.descriptor)) as JsonObject, personal], id: '0198c7a2-7b1c-7d3e-9f00-1a2b3c4d5e6f', type: 'a.b', source: 's', tenant: 'acme', time: '2026-11-22T16:00:00.000Z', severity: 'info', outcome: 'success', actor: { type: 'user', id: 'user-7' } };
  const bytes = Buffer.from(jcs(entry as unknown as JsonObject, 'entry'));
  const body = formatCheckpointBody({ origin: 'ledger.example/acme', treeSize: 1, root: leafHash(bytes) });
  const tlog = formatTlogProof({ leafIndex: 0, proof: [], checkpointNote: formatNote(body, [log.sign(body)]), extra: bytes });
  const parts = [{ name: 'data', state: 'present', value: altered.part ?? { name } }, { name: 'personal', subject: 'user-7', state: 'present', value: { email: 'x@example.com' } }];
  return {
    value: { tenant: 'acme', index: 0, eventHash: leafHash(bytes).toString('hex'), entry: altered.entry ?? entry, parts },
    ...(altered.proof === false ? {} : { proof: { tlog, keys: [log.text], salts: [Buffer.alloc(16, 7).toString('base64'), null] } }),
  };
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const certify = async (statement: string): Promise<string> => {
  const text = certificateText('keys.example/certificates', 'archive', statement);
  return formatNote(text, [certifier.sign(text)]);
};

const made = (ledger: readonly ArchiveRecord[], more: Partial<ArchiveSource> = {}): Promise<Buffer> =>
  buffer(writeArchive({
    about: ABOUT, holds: [{ holder: 'identity', type: 'account' }],
    services: [{ name: 'identity', records: () => each<ArchiveRecord>([{ value: { email: 'x@example.com' } }, { value: { name: 'Zoë' } }]) }, { name: 'ledger', records: () => each(ledger) }],
    page: ({ files }) => `<p>${files.length} files</p>`, sign: certify, ...more,
  }));

const sourceOf = (bytes: Buffer): ByteSource => ({ bytes: bytes.length, read: async (from, to) => bytes.subarray(from, to) });
const verified = (bytes: Buffer, ledgers = [log.vkey]): Promise<ArchiveCheck> => verifyArchive(sourceOf(bytes), { certifiers: [certifier.vkey], ledgers });
const codesOf = async (check: Promise<ArchiveCheck>): Promise<string[]> => (await check).faults.map(({ code }) => code);

describe('an archive', () => {
  it('holds its files in order, as another program reads them, and verifies with keys alone', async () => {
    const bytes = await made([entryRecord('a')]);
    const reader = await yauzl.fromBufferPromise(bytes);
    const files: Record<string, string> = {};
    for await (const entry of reader.eachEntry()) files[entry.fileName] = (await buffer(await reader.openReadStreamPromise(entry))).toString();
    expect(Object.keys(files)).toEqual(['data/identity.jsonl', 'data/ledger.jsonl', 'index.html', 'manifest.json', 'manifest.note']);
    expect(files['data/identity.jsonl']).toBe('{"value":{"email":"x@example.com"}}\n{"value":{"name":"Zoë"}}\n');
    expect(await verified(bytes)).toMatchObject({ faults: [], proofs: 1, parts: { proved: 1, certified: 1 }, signer: 'keys.example/certificates', manifest: { ...ABOUT, ledgers: [{ tenant: 'acme', keys: [log.text] }] } });
    expect((await verified(bytes, [])).faults).toEqual([]);
  });

  it('is the same for the same content', async () => {
    expect((await made([])).equals(await made([]))).toBe(true);
  });

  it('shows every byte that was flipped, cut off or put behind', async () => {
    const bytes = await made([entryRecord('a')]);
    const silent: number[] = [];
    for (let at = 0; at < bytes.length; at += at < 100 || at > bytes.length - 700 ? 1 : 11) {
      const altered = Buffer.from(bytes);
      altered[at] = altered[at]! ^ (1 << (at % 8));
      if ((await verified(altered)).faults.length === 0) silent.push(at);
    }
    expect(silent).toEqual([]);
    await fc.assert(fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const altered = Buffer.from(bytes);
      altered[at] = altered[at]! ^ by;
      expect((await verified(altered)).faults).not.toEqual([]);
    }), { numRuns: 100 });
    expect(await codesOf(verified(bytes.subarray(0, -1)))).toEqual(['ARCHIVE_MALFORMED']);
    expect(await codesOf(verified(Buffer.concat([bytes, Buffer.alloc(1)])))).toEqual(['ARCHIVE_MALFORMED']);
    expect(await codesOf(verified(Buffer.concat([Buffer.alloc(1), bytes])))).toEqual(['ARCHIVE_MALFORMED']);
  });

  it('names the file whose bytes were altered', async () => {
    const bytes = await made([entryRecord('a')]);
    const altered = Buffer.from(bytes);
    altered[30 + 'data/identity.jsonl'.length + 5]! ^= 0xff;
    const { faults } = await verified(altered);
    expect(faults.map(({ code }) => code)).toContain('ARCHIVE_FILE_ALTERED');
    expect(faults.every((fault) => 'place' in fault && fault.place.file === 'data/identity.jsonl')).toBe(true);
  });

  it.each([
    ['ARCHIVE_ENTRY_ALTERED', 'another entry is shown than is proved', entryRecord('a', { entry: { v: 1 } })],
    ['ARCHIVE_PART_ALTERED', 'a part says something else', entryRecord('a', { part: { name: 'b' } })],
    ['ARCHIVE_PROOF_MISSING', 'an entry has no proof', entryRecord('a', { proof: false })],
    ['ARCHIVE_RECORD_MALFORMED', 'a record of a ledger is none', { value: {} }],
  ])('is refused with %s although it is certified: %s', async (code, _why, record) => {
    const { faults } = await verified(await made([entryRecord('a'), record]));
    expect(faults).toMatchObject([{ code, place: { file: 'data/ledger.jsonl', line: 2 } }]);
  });

  it('is refused where the ledger key that is known from elsewhere has not signed', async () => {
    const other = pair('ledger.example/acme');
    expect(await verified(await made([entryRecord('a')]), [other.vkey])).toMatchObject({ proofs: 0, faults: [{ code: 'ARCHIVE_PROOF_INVALID', place: { tenant: 'acme', leafIndex: 0, cause: 'CHECKPOINT_SIGNATURE_MISSING' } }] });
  });

  it.each([
    ['CERTIFICATE_SIGNATURE_MISSING', 'somebody else has signed', async (statement: string) => { const [text, by] = [certificateText('keys.example/certificates', 'archive', statement), pair('other.example')]; return formatNote(text, [by.sign(text)]); }],
    ['ARCHIVE_NOT_CERTIFIED', 'a certificate of something else', async (statement: string) => { const text = certificateText('keys.example/certificates', 'deletion', statement); return formatNote(text, [certifier.sign(text)]); }],
    ['ARCHIVE_NOT_CERTIFIED', 'the archive of somebody else', async (statement: string) => certify(statement.replace('user-7', 'user-8'))],
    ['ARCHIVE_MANIFEST_ALTERED', 'another manifest', async (statement: string) => certify(statement.replace(/"manifestSha256":"."?/, (text) => (text.endsWith('0') ? `${text.slice(0, -1)}1` : `${text.slice(0, -1)}0`)))],
  ])('is refused with %s: %s', async (code, _why, sign) => {
    expect(await codesOf(verified(await made([], { sign })))).toEqual([code]);
  });

  it('breaks off as its content does', async () => {
    const records = async function* (): AsyncGenerator<ArchiveRecord> {
      yield { value: {} };
      throw new Error('the service is gone');
    };
    await expect(made([], { services: [{ name: 'identity', records }] })).rejects.toThrow('the service is gone');
  });

  it('of 50,000 entries is made and checked piece by piece', async () => {
    const record = entryRecord('a');
    const many = async function* (): AsyncGenerator<ArchiveRecord> {
      for (let n = 0; n < 50_000; n += 1) yield { value: { n, text: 'x'.repeat(100) } };
    };
    let [largest, count] = [0, 0];
    const pieces: Buffer[] = [];
    for await (const piece of writeArchive({ about: ABOUT, holds: [], services: [{ name: 'identity', records: many }, { name: 'ledger', records: () => each([record]) }], page: () => '', sign: certify })) {
      [largest, count] = [Math.max(largest, piece.length), count + 1];
      pieces.push(piece);
    }
    expect(largest).toBeLessThan(256 * 1024);
    let read = 0;
    const whole = Buffer.concat(pieces);
    const check = await verifyArchive({ bytes: whole.length, read: async (from, to) => { read = Math.max(read, to - from); return whole.subarray(from, to); } }, { certifiers: [certifier.vkey] });
    expect(check).toMatchObject({ faults: [], manifest: { files: [{ records: 50_000, bytes: expect.any(Number) }, { records: 1 }, {}] } });
    expect(read).toBeLessThanOrEqual(256 * 1024);
  });
});
