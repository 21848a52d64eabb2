import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { admitEvent, ChainFault, ChainVerifier, chainEntry, genesisHash, leafHash, PackedEntry, TILE_WIDTH } from '../src/index.js';
import type { StoredEntry } from '../src/index.js';
import { EntryScanner } from '../src/entry-scanner.js';
import { QuickCheck } from '../src/quick-check.js';
import { scanEntry, scanParts } from '../src/verify-entry.js';
import { ADDRESS, admissibleEvent, hexHash, partDescriptors } from './arbitrary-event.js';
import { ORIGIN, TENANT, ledgerOf } from './export-fixture.js';

const SIZE = TILE_WIDTH + 8;
const ledger = ledgerOf(SIZE);
const root = ledger.edges[SIZE]!.root();
const RECORDED_AT = '2026-11-22T10:00:00.123Z';

interface Keyed {
  readonly leafIndex: number;
  readonly eventId: string;
  readonly entry: Buffer;
  readonly data: Buffer | null;
  readonly personal: readonly (Buffer | null)[];
}

const buffer = (bytes: Uint8Array | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));
const keyed: readonly Keyed[] = ledger.entries.map(({ entry, data, personal }, leafIndex) => ({
  leafIndex,
  eventId: scanEntry(entry, leafIndex).id,
  entry,
  data: buffer(data),
  personal: personal.map(buffer),
}));

const UUID_BYTES = 16;

/** As a store sends it: in the midst of other bytes. */
function packed({ leafIndex, eventId, entry, data, personal }: Keyed): PackedEntry {
  const before = Buffer.of(0, 0, 2, 255);
  const bytes = Buffer.concat([Buffer.of(1, 2, 3), Buffer.from(eventId.replaceAll('-', ''), 'hex'), before, entry, data ?? Buffer.alloc(0), Buffer.of(9)]).subarray(1);
  const entryAt = 2 + UUID_BYTES + before.length;
  const entryEnd = entryAt + entry.length;
  return new PackedEntry(bytes, leafIndex, 2, entryAt, entryEnd, data === null ? undefined : entryEnd, entryEnd + (data?.length ?? 0), personal);
}

function judge(stored: readonly StoredEntry[]): unknown {
  const verifier = new ChainVerifier({ tenant: TENANT, origin: ORIGIN, treeSize: SIZE, shape: 'scan' });
  try {
    const tiles = stored.flatMap((one) => [...verifier.add(one)]);
    verifier.finish(root);
    return [tiles, verifier.root().toString('hex'), verifier.state()];
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    return [fault.code, fault.message, fault.detail];
  }
}

describe('the quick check', () => {
  it('holds every entry of a ledger that nobody touched', () => {
    const check = new QuickCheck(TENANT);
    let previousHash: Buffer = Buffer.from(genesisHash(ORIGIN), 'hex');
    let recordedAt = '';
    for (const one of keyed) {
      expect(check.holds(packed(one), one.leafIndex, previousHash, recordedAt)).toBe(true);
      ({ recordedAt } = check);
      expect(recordedAt).toBe(scanEntry(one.entry, one.leafIndex).recordedAt);
      previousHash = leafHash(one.entry);
    }
  });

  it('leads to the same tiles, root and state as looking closely', () => {
    expect(judge(keyed.map(packed))).toEqual(judge(keyed));
    expect(judge(keyed.map(packed))).toContainEqual(root.toString('hex'));
  });

  it('gives back what it was made of', () => {
    for (const one of keyed) {
      const { leafIndex, eventId, entry, data, personal } = packed(one);
      expect({ leafIndex, eventId, entry, data, personal }).toEqual(one);
    }
  });

  it.each([
    ['another index', (one: Keyed) => ({ ...one, leafIndex: 6 })],
    ['another event id', (one: Keyed) => ({ ...one, eventId: '00000000-0000-7000-8000-0000000000ff' })],
    ['no data', (one: Keyed) => ({ ...one, data: null })],
    ['one byte of data more', (one: Keyed) => ({ ...one, data: Buffer.concat([one.data!, Buffer.of(0)]) })],
    ['a personal part less', (one: Keyed) => ({ ...one, personal: one.personal.slice(1) })],
    ['a personal part more', (one: Keyed) => ({ ...one, personal: [...one.personal, Buffer.of(1)] })],
    ['a personal part destroyed', (one: Keyed) => ({ ...one, personal: one.personal.with(0, null) })],
    ['personal parts in another order', (one: Keyed) => ({ ...one, personal: one.personal.toReversed() })],
  ] as const)('does not hold an entry with %s', (_what, change) => {
    const one = keyed[2]!;
    const [previousHash, recordedAt] = [leafHash(keyed[1]!.entry), scanEntry(keyed[1]!.entry, 1).recordedAt];
    expect(one.personal).toHaveLength(2);
    expect(new QuickCheck(TENANT).holds(packed(one), 2, previousHash, recordedAt)).toBe(true);
    expect(new QuickCheck(TENANT).holds(packed(change(one)), 2, previousHash, recordedAt)).toBe(false);
    expect(new QuickCheck('acne').holds(packed(one), 2, previousHash, recordedAt)).toBe(false);
    expect(new QuickCheck(TENANT).holds(packed(one), 2, leafHash(one.entry), recordedAt)).toBe(false);
    expect(new QuickCheck(TENANT).holds(packed(one), 2, previousHash, '2099-01-01T00:00:00.000Z')).toBe(false);
  });

  it.each([
    ['a control character', '\u0000'],
    ['an escape that no entry has', '\\n'],
    ['an escaped control character', '\\u0000'],
  ])('with %s put into a subject leads to the same verdict as looking closely', (_what, text) => {
    for (const index of [2, keyed.findLastIndex(({ personal }) => personal.length > 0)]) {
      const one = keyed[index]!;
      const at = one.entry.indexOf('"subject":"') + '"subject":"'.length;
      expect(at).toBeGreaterThan('"subject":"'.length);
      const entry = Buffer.concat([one.entry.subarray(0, at), Buffer.from(text), one.entry.subarray(at)]);
      const forged = keyed.with(index, { ...one, entry });
      expect(judge(forged.map(packed))).toEqual(judge(forged));
    }
  });

  it('with any one byte changed, put in or taken out, leads to the same verdict as looking closely', () => {
    const change = fc.record({
      index: fc.constantFrom(0, 1, 2, 3, 9, TILE_WIDTH - 1, TILE_WIDTH, SIZE - 2, SIZE - 1),
      field: fc.constantFrom('entry', 'entry', 'entry', 'data'),
      at: fc.nat(2_000),
      removed: fc.nat(2),
      added: fc.array(fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('",:{}[]0123456789abcdef\\'))), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(change, ({ index, field, at, removed, added }) => {
        const one = keyed[index]!;
        const whole = field === 'data' ? (one.data ?? Buffer.alloc(0)) : one.entry;
        const cut = at % (whole.length + 1);
        const altered = Buffer.concat([whole.subarray(0, cut), Buffer.from(added), whole.subarray(cut + removed)]);
        const forged = keyed.with(index, { ...one, [field]: altered });
        expect(judge(forged.map(packed))).toEqual(judge(forged));
      }),
      { numRuns: 400 },
    );
  });
});

describe('the scanner of an entry’s bytes', () => {
  it('finds in any entry that we write what the scan of its text finds', () => {
    fc.assert(
      fc.property(admissibleEvent, partDescriptors, fc.record({ index: fc.maxSafeNat(), previousEventHash: hexHash }), (event, parts, at) => {
        const entry = Buffer.from(chainEntry(admitEvent(event, ADDRESS), parts, at, RECORDED_AT).text);
        const scanner = new EntryScanner();
        const found: unknown[] = [];
        const places = Buffer.concat([Buffer.of(0), entry]);
        const text = (from: number, to: number): string => Buffer.from(places.buffer, from, to - from).toString('latin1');
        expect(scanner.begin(places, 1, places.length)).toBe(true);
        while (scanner.part()) {
          found.push({ name: scanner.isData ? 'data' : 'personal', bytes: scanner.partBytes, digest: text(scanner.digestAt, scanner.digestAt + 64) });
        }
        expect(scanner.rest()).toBe(true);
        const expected = scanEntry(entry, at.index);
        expect(found).toEqual(scanParts(expected.parts, at.index));
        expect({
          id: text(scanner.idAt, scanner.idAt + 36),
          index: scanner.index,
          parts: expected.parts,
          previousEventHash: text(scanner.linkAt, scanner.linkAt + 64),
          recordedAt: text(scanner.recordedAt, scanner.recordedAtEnd),
          tenant: text(scanner.tenantAt, scanner.tenantEnd),
        }).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});
