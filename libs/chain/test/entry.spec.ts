import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { ENTRY_BYTES_MAX, admitEvent, chainEntry, decodeEntry, genesisHash, leafHash, sha256Hex } from '../src/index.js';
import type { AdmittedEvent, Event, PartDescriptor } from '../src/index.js';
import { leafHashHex, scanEntry, scanEntryStrictly, scanParts } from '../src/verify-entry.js';
import { ADDRESS, admissibleEvent, hexHash, partDescriptors } from './arbitrary-event.js';
import { faultOf, vectorsOf } from './vectors.js';

const RECORDED_AT = '2026-11-22T10:00:01.006Z';
const admit = (event: Event): AdmittedEvent => admitEvent(event, ADDRESS);

const link = fc.record({ index: fc.maxSafeNat(), previousEventHash: hexHash });

/** The entry as docs/spec/ledger-format.md defines it: the event's fields but data and personal, and the ledger's own. */
function entryOf(event: Event, parts: readonly PartDescriptor[], at: { index: number; previousEventHash: string }): object {
  const { data: _data, personal: _personal, ...fields } = event;
  return { ...fields, ...at, v: 1, recordedAt: RECORDED_AT, parts };
}

describe('an entry', () => {
  it('is the canonical JSON of its fields, and its hash is the Merkle leaf hash', () => {
    fc.assert(
      fc.property(admissibleEvent, partDescriptors, link, (event, parts, at) => {
        const { text, eventHash } = chainEntry(admit(event), parts, at, RECORDED_AT);
        expect(text).toBe(canonicalize(entryOf(event, parts, at)));
        expect(eventHash).toBe(leafHash(Buffer.from(text)).toString('hex'));
        expect(eventHash).toBe(sha256Hex(Buffer.concat([Buffer.of(0), Buffer.from(text)])));
      }),
      { numRuns: 300 },
    );
  });

  it('is read back field for field', () => {
    fc.assert(
      fc.property(admissibleEvent, partDescriptors, link, (event, parts, at) => {
        const { text } = chainEntry(admit(event), parts, at, RECORDED_AT);
        expect(decodeEntry(Buffer.from(text))).toEqual(JSON.parse(JSON.stringify(entryOf(event, parts, at))));
      }),
    );
  });

  it('is scanned alike, quickly and strictly', () => {
    fc.assert(
      fc.property(admissibleEvent, partDescriptors, link, (event, parts, at) => {
        const entry = Buffer.from(chainEntry(admit(event), parts, at, RECORDED_AT).text);
        const scanned = scanEntryStrictly(entry, at.index);
        expect(scanned).toMatchObject({ id: event.id, tenant: event.tenant, recordedAt: RECORDED_AT, ...at });
        expect(scanEntry(entry, at.index)).toEqual(scanned);
        expect(scanParts(scanned.parts, at.index)).toEqual(parts.map(({ name, bytes, digest }) => ({ name, bytes, digest })));
        expect(leafHashHex(entry)).toBe(leafHash(entry).toString('hex'));
      }),
      { numRuns: 300 },
    );
  });

  it('is at most 65,535 bytes', async () => {
    const event = { id: '019abb5e-7c00-7000-8000-000000000001', type: 'identity.session.created', source: 'identity', tenant: 'acme', time: RECORDED_AT, severity: 'info', outcome: 'success', actor: { type: 'user', id: 'u' } } as const;
    const at = { index: 0, previousEventHash: genesisHash('audit.example.com/acme') };
    const personal = (subject: string): PartDescriptor => ({ name: 'personal', enc: 'salted', subject, digest: '0'.repeat(64), bytes: 1 });
    const chain = (subject: string): string => chainEntry(admit(event), [personal(subject)], at, RECORDED_AT).text;
    const room = ENTRY_BYTES_MAX - Buffer.byteLength(chain(''));
    expect(Buffer.byteLength(chain('x'.repeat(room)))).toBe(ENTRY_BYTES_MAX);
    expect(await faultOf(() => chain('x'.repeat(room + 1)))).toBe('EVENT_ENTRY_TOO_LARGE');
    expect(await faultOf(() => chain('é'.repeat(Math.floor(room / 2)) + 'xx'))).toBe('EVENT_ENTRY_TOO_LARGE');
  });

  it('of an admitted event never comes near that limit', () => {
    const long = '"'.repeat(256);
    const event = {
      id: '019abb5e-7c00-7000-8000-000000000001', type: `identity.session.${'c'.repeat(183)}`, source: 'identity', tenant: 'acme', time: RECORDED_AT,
      severity: 'warning', outcome: 'success', actor: { type: 'api-key', id: '東'.repeat(256) }, resource: { type: long, id: '東'.repeat(256) },
      correlationId: '東'.repeat(256), producer: { id: '東'.repeat(256), sequence: Number.MAX_SAFE_INTEGER },
      personal: Array.from({ length: 16 }, () => ({ subject: '東'.repeat(256), data: {} })),
    } as const;
    const parts = event.personal.map(({ subject }): PartDescriptor => ({ name: 'personal', enc: 'salted', subject, digest: '0'.repeat(64), bytes: 65_552 }));
    const { text } = chainEntry(admit(event), parts, { index: Number.MAX_SAFE_INTEGER, previousEventHash: '0'.repeat(64) }, RECORDED_AT);
    expect(Buffer.byteLength(text)).toBeLessThan(ENTRY_BYTES_MAX / 2);
  });
});

describe('malformed entries', () => {
  interface Input {
    readonly entries: readonly { readonly entry: string }[];
  }
  const malformed = vectorsOf<Input, { fault: string; leafIndex: number }>('chain/invalid').filter(({ expect: { fault } }) => fault === 'ENTRY_MALFORMED');

  it.each(malformed)('are refused by the strict scan: $why', async ({ input, expect: { fault, leafIndex } }) => {
    const entry = Buffer.from(input.entries[leafIndex]!.entry);
    expect(await faultOf(() => scanEntryStrictly(entry, leafIndex))).toBe(fault);
  });

  it('with any one byte cut out hash to something else, whatever either scan says', async () => {
    const [six] = vectorsOf<Input, unknown>('chain/valid').filter(({ file }) => file === 'six-entries.json');
    const whole = Buffer.from(six!.input.entries[5]!.entry);
    for (let at = 0; at < whole.length; at++) {
      const cut = Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]);
      expect(leafHashHex(cut)).not.toBe(leafHashHex(whole));
      for (const scan of [scanEntry, scanEntryStrictly]) expect([undefined, 'ENTRY_MALFORMED']).toContain(await faultOf(() => scan(cut, 5)));
    }
  });

  it.each([
    ['not JSON', '{'],
    ['not an object', '[]'],
    ['null', 'null'],
    ['of another version', '{"v":2}'],
    ['without an index', '{"v":1}'],
    ['with a fraction as index', '{"index":1.5,"v":1}'],
  ])('%s cannot be decoded', async (_what, text) => {
    expect(await faultOf(() => decodeEntry(Buffer.from(text)))).toBe('ENTRY_MALFORMED');
  });

  it.each(['id', 'recordedAt', 'previousEventHash', 'tenant', 'type', 'source', 'time', 'parts'])('without %s cannot be decoded', async (field) => {
    const [first] = vectorsOf<Input, unknown>('chain/valid').filter(({ file }) => file === 'one-entry.json');
    const { [field]: _gone, ...rest } = JSON.parse(first!.input.entries[0]!.entry) as Record<string, unknown>;
    expect(await faultOf(() => decodeEntry(Buffer.from(canonicalize(rest)!)))).toBe('ENTRY_MALFORMED');
  });

  it.each(['{ "v":1', '{"v":1.0', '{"v": 1'])('in another form than the canonical cannot be decoded: %s', async (opening) => {
    const [first] = vectorsOf<Input, unknown>('chain/valid').filter(({ file }) => file === 'one-entry.json');
    const text = opening + first!.input.entries[0]!.entry.replace(',"v":1}', '}').replace('{', ',');
    expect(JSON.parse(text)).toMatchObject({ v: 1, index: 0 });
    expect(await faultOf(() => decodeEntry(Buffer.from(text)))).toBe('ENTRY_MALFORMED');
  });
});
