import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ChainFault, ChainVerifier, RightEdge, TILE_WIDTH } from '../src/index.js';
import type { ChainVerifierOptions, FaultCode, FullTile, StoredEntry, VerifiedState } from '../src/index.js';
import { ORIGIN, TENANT, ledgerOf, rewrittenFrom } from './export-fixture.js';

type Judged = 'intact' | readonly [code: FaultCode, leafIndex: number | undefined];
type Entries = readonly StoredEntry[];

const SIZE = TILE_WIDTH + 8;
const ledger = ledgerOf(SIZE);
const { entries } = ledger;
const root = ledger.edges[SIZE]!.root();

/** Reads `stored` as a ledger of `treeSize` entries whose signed root is `signed`. */
function judge(stored: Entries, options: Partial<ChainVerifierOptions> = {}, signed: Buffer = root): Judged {
  const verifier = new ChainVerifier({ tenant: TENANT, origin: ORIGIN, treeSize: SIZE, ...options });
  try {
    for (const entry of stored) verifier.add(entry);
    verifier.finish(signed);
  } catch (fault) {
    if (fault instanceof ChainFault) return [fault.code, fault.detail.leafIndex];
    throw fault;
  }
  return verifier.root().equals(signed) ? 'intact' : ['ROOT_MISMATCH', undefined];
}

const inPlace = (index: number, change: (stored: StoredEntry) => StoredEntry): Entries =>
  entries.map((stored, i) => (i === index ? change(stored) : stored));
const edit = (from: string | RegExp, to: string) => (stored: StoredEntry): StoredEntry => {
  const text = stored.entry.toString('utf8');
  expect(text).toMatch(from);
  return { ...stored, entry: Buffer.from(text.replace(from, to)) };
};
const editText = (text: string): string => text.replace('"success"', '"failure"');
const keyed = entries.map((stored, leafIndex) => ({ ...stored, leafIndex }));

/** First, second, both sides of a tile's border, and the end. */
const PLACES = [0, 1, 2, 100, TILE_WIDTH - 2, TILE_WIDTH - 1, TILE_WIDTH, TILE_WIDTH + 1, SIZE - 3, SIZE - 2];
const LAST = SIZE - 1;

describe('a ledger that nobody touched', () => {
  it.each(['strict', 'scan'] as const)('is intact (%s)', (shape) => {
    expect(judge(entries, { shape })).toBe('intact');
    expect(judge(keyed, { shape })).toBe('intact');
  });

  it('yields the tiles that it completes', () => {
    const verifier = new ChainVerifier({ tenant: TENANT, origin: ORIGIN });
    const tiles: FullTile[] = [];
    for (const stored of entries) tiles.push(...verifier.add(stored));
    const edge = ledger.edges[TILE_WIDTH - 1]!.clone();
    const leaf = Buffer.from(/"previousEventHash":"(.{64})"/.exec(entries[TILE_WIDTH]!.entry.toString())![1]!, 'hex');
    expect(tiles).toEqual(edge.append(leaf));
    expect(verifier.partialTile(0)).toHaveLength(8 * 32);
    expect(verifier.partialTile(1)).toEqual(tiles[0]!.root);
    expect(verifier.nextIndex).toBe(SIZE);
  });

  it('is not another ledger’s', () => {
    expect(judge(entries, { tenant: 'globex' })).toEqual(['ENTRY_TENANT_MISMATCH', 0]);
    expect(judge(entries, { origin: 'audit.example.com/globex' })).toEqual(['CHAIN_LINK_BROKEN', 0]);
  });
});

describe.each(['strict', 'scan'] as const)('one entry edited (%s)', (shape) => {
  it.each(PLACES)('entry %i: its outcome', (i) => {
    expect(judge(inPlace(i, edit('"success"', '"failure"')), { shape })).toEqual(['ENTRY_ALTERED', i]);
  });

  it.each([...PLACES, LAST])('entry %i: its link', (i) => {
    const zeros = edit(/("previousEventHash":").{64}/, `$1${'0'.repeat(64)}`);
    expect(judge(inPlace(i, zeros), { shape })).toEqual(['ENTRY_ALTERED', i]);
  });

  it.each([...PLACES, LAST])('entry %i: its index', (i) => {
    expect(judge(inPlace(i, edit(`"index":${i},`, `"index":${i + 7},`)), { shape })).toEqual(['ENTRY_INDEX_MISMATCH', i]);
  });

  it.each([...PLACES, LAST])('entry %i: its tenant', (i) => {
    expect(judge(inPlace(i, edit('"tenant":"acme"', '"tenant":"acne"')), { shape })).toEqual(['ENTRY_TENANT_MISMATCH', i]);
  });

  it.each(PLACES.slice(1))('entry %i: its link, and recorded before the one that it follows', (i) => {
    const both = edit(/("previousEventHash":").{64}(.*"recordedAt":")..../, `$1${'0'.repeat(64)}$22020`);
    expect(judge(inPlace(i, both), { shape })).toEqual(['ENTRY_ALTERED', i]);
  });

  it.each([...PLACES.slice(1), LAST])('entry %i: recorded before the one that it follows', (i) => {
    const earlier = edit(/("recordedAt":")[^"]+/, '$12020-01-01T00:00:00.000Z');
    expect(judge(inPlace(i, earlier), { shape })).toEqual(['RECORDED_AT_DECREASES', i]);
  });

  it('the last entry: only the root tells', () => {
    expect(judge(inPlace(LAST, edit('"success"', '"failure"')), { shape })).toEqual(['ROOT_MISMATCH', undefined]);
  });
});

describe('entries taken out, put in or moved', () => {
  it.each(PLACES)('entry %i deleted', (i) => {
    expect(judge(entries.toSpliced(i, 1))).toEqual(['ENTRY_INDEX_MISMATCH', i]);
    expect(judge(keyed.toSpliced(i, 1))).toEqual(['ENTRY_MISSING', i]);
  });

  it('a run of entries deleted', () => {
    expect(judge(keyed.toSpliced(200, 60))).toEqual(['ENTRY_MISSING', 200]);
  });

  it('the last entry deleted: only the root tells', () => {
    expect(judge(entries.slice(0, -1))).toEqual(['ROOT_MISMATCH', undefined]);
  });

  it.each(PLACES)('entry %i twice', (i) => {
    expect(judge(entries.toSpliced(i, 0, entries[i]!))).toEqual(['ENTRY_INDEX_MISMATCH', i + 1]);
    expect(judge(keyed.toSpliced(i, 0, keyed[i]!))).toEqual(['ENTRY_INDEX_MISMATCH', i]);
  });

  it.each(PLACES)('entries %i and the next swapped', (i) => {
    expect(judge(entries.toSpliced(i, 2, entries[i + 1]!, entries[i]!))).toEqual(['ENTRY_INDEX_MISMATCH', i]);
  });

  it('the contents of two rows swapped, their keys not', () => {
    const swapped = keyed.map((stored, i) => (i === 3 ? { ...keyed[9]!, leafIndex: 3 } : i === 9 ? { ...keyed[3]!, leafIndex: 9 } : stored));
    expect(judge(swapped)).toEqual(['ENTRY_INDEX_MISMATCH', 3]);
  });

  it.each([1, 100, TILE_WIDTH - 1, TILE_WIDTH])('an entry put in at %i and all later ones renumbered: the one after it does not join', (i) => {
    const renumber = (stored: StoredEntry, by: number): StoredEntry => edit(/"index":\d+/, `"index":${by}`)(stored);
    const forged = entries.toSpliced(i, 0, renumber(entries[i]!, i));
    expect(judge(forged.map((stored, at) => (at > i ? renumber(stored, at) : stored)))).toEqual(['ENTRY_ALTERED', i + 1]);
  });

  it.each([1, 100, TILE_WIDTH - 1, TILE_WIDTH, SIZE - 2])('an entry put in at %i, joined to the one before, later ones as they were', (i) => {
    const forged = edit('"success"', '"failure"')(entries[i]!);
    expect(judge(entries.toSpliced(i, 0, forged))).toEqual(['ENTRY_INSERTED', i]);
    const moved = keyed.toSpliced(i, 0, { ...forged, leafIndex: i }).map((stored, leafIndex) => ({ ...stored, leafIndex }));
    expect(judge(moved)).toEqual(['ENTRY_INSERTED', i]);
    const three = rewrittenFrom(ledger, i - 1, editText).entries.slice(i - 1, i + 2);
    expect(judge(entries.toSpliced(i - 1, 0, ...three))).toEqual(['ENTRY_INSERTED', i - 1]);
  });

  it('entries beyond the signed size change the root', () => {
    expect(judge(ledgerOf(SIZE + 1).entries)).toEqual(['ROOT_MISMATCH', undefined]);
  });
});

describe('a chain made to fit again', () => {
  it.each([0, 1, 100, TILE_WIDTH - 1, TILE_WIDTH, SIZE - 2, LAST])('from entry %i to the end: whole in itself, another root', (i) => {
    const forged = rewrittenFrom(ledger, i, editText);
    expect(judge(forged.entries)).toEqual(['ROOT_MISMATCH', undefined]);
    expect(judge(forged.entries, {}, forged.edges[SIZE]!.root())).toBe('intact');
  });

  it.each([0, 1, 100, TILE_WIDTH - 2, TILE_WIDTH - 1])('entry %i and only the one after it: the third does not join', (i) => {
    const forged = rewrittenFrom(ledger, i, editText).entries;
    expect(judge([...forged.slice(0, i + 2), ...entries.slice(i + 2)])).toEqual(['ENTRY_ALTERED', i + 1]);
  });

  it('the link of an entry to another than the one before', () => {
    const links = entries.map(({ entry }) => /"previousEventHash":"(.{64})"/.exec(entry.toString())![1]!);
    expect(judge(inPlace(9, edit(links[9]!, links[8]!)))).toEqual(['ENTRY_ALTERED', 9]);
  });
});

describe('parts', () => {
  const altered = (part: Uint8Array | null): Buffer => Buffer.from(part!).fill(0x7e, part!.length - 1);
  const withData = [0, 1, 100, TILE_WIDTH - 1, TILE_WIDTH, SIZE - 1];
  const withPersonal = [0, 2, 100, TILE_WIDTH - 2, TILE_WIDTH, SIZE - 2];

  it.each(withData)('of entry %i: data edited, cut, emptied, missing', (i) => {
    const data = entries[i]!.data!;
    const become = (other: Uint8Array | null): Judged => judge(inPlace(i, (stored) => ({ ...stored, data: other })));
    expect(become(altered(data))).toEqual(['PART_ALTERED', i]);
    expect(become(data.subarray(0, -1))).toEqual(['PART_ALTERED', i]);
    expect(become(Buffer.concat([data, Buffer.of(0)]))).toEqual(['PART_ALTERED', i]);
    expect(become(Buffer.alloc(0))).toEqual(['PART_ALTERED', i]);
    expect(become(null)).toEqual(['PART_MISSING', i]);
  });

  it.each(withPersonal)('of entry %i: personal edited, missing, added', (i) => {
    const { personal } = entries[i]!;
    const become = (other: readonly (Uint8Array | null)[]): Judged => judge(inPlace(i, (stored) => ({ ...stored, personal: other })));
    expect(become([altered(personal[0]!), ...personal.slice(1)])).toEqual(['PART_ALTERED', i]);
    expect(become([null, ...personal.slice(1)])).toEqual(['PART_MISSING', i]);
    expect(become([])).toEqual(['PART_MISSING', i]);
    expect(become([...personal, Buffer.from('more')])).toEqual(['PART_UNEXPECTED', i]);
    expect(become([...personal, null])).toEqual(['PART_UNEXPECTED', i]);
  });

  it('data where none is listed', () => {
    expect(entries[4]!.data).toBeNull();
    expect(judge(inPlace(4, (stored) => ({ ...stored, data: Buffer.from('more') })))).toEqual(['PART_UNEXPECTED', 4]);
  });

  it.each([[1, 2], [0, LAST], [TILE_WIDTH - 1, TILE_WIDTH]])('data of entries %i and %i swapped', (a, b) => {
    const swapped = entries.map((stored, i) => ({ ...stored, data: i === a ? entries[b]!.data : i === b ? entries[a]!.data : stored.data }));
    expect(judge(swapped)).toEqual(['PART_SWAPPED', a]);
  });

  it('two personal parts of one entry swapped', () => {
    expect(judge(inPlace(2, (stored) => ({ ...stored, personal: stored.personal.toReversed() })))).toEqual(['PART_SWAPPED', 2]);
  });

  it('every part altered: memory of them is bounded, the first is named', () => {
    expect(judge(entries.map((stored) => ({ ...stored, data: stored.data && altered(stored.data) })))).toEqual(['PART_ALTERED', 0]);
  });
});

describe('of two faults the lower index is named', () => {
  const badPart = (i: number, from: Entries = entries): Entries => from.map((stored, at) => (at === i ? { ...stored, data: Buffer.from('x') } : stored));
  const badEntry = (i: number): Entries => inPlace(i, edit('"success"', '"failure"'));

  it('a part before an entry', () => {
    expect(judge(badPart(3, badEntry(10)))).toEqual(['PART_ALTERED', 3]);
  });

  it('an entry before a part', () => {
    expect(judge(badPart(10, badEntry(3)))).toEqual(['ENTRY_ALTERED', 3]);
  });

  it('a part and its own entry: the part', () => {
    expect(judge(badPart(3, badEntry(3)))).toEqual(['PART_ALTERED', 3]);
  });

  it('a part before a missing entry', () => {
    expect(judge(badPart(3, keyed).toSpliced(10, 1))).toEqual(['PART_ALTERED', 3]);
  });

  it.each([1, 2, 3])('an edited entry before one, %i later, that says another index', (distance) => {
    const both = badEntry(10).map((stored, i) => (i === 10 + distance ? edit(/"index":\d+/, '"index":7')(stored) : stored));
    // The very next entry is judged by its index before its link is: nothing accuses entry 10 yet.
    expect(judge(both)).toEqual(distance === 1 ? ['ENTRY_INDEX_MISMATCH', 11] : ['ENTRY_ALTERED', 10]);
  });

  it('an edited entry before a missing one', () => {
    expect(judge(badEntry(10).map((stored, leafIndex) => ({ ...stored, leafIndex })).toSpliced(12, 1))).toEqual(['ENTRY_ALTERED', 10]);
  });

  it('an entry recorded later than the one that follows it', () => {
    expect(judge(inPlace(10, edit(/("recordedAt":")[^"]+/, '$12030-01-01T00:00:00.000Z')))).toEqual(['ENTRY_ALTERED', 10]);
  });
});

describe('any one byte changed', () => {
  const place = fc.nat(SIZE - 1).chain((i) => fc.tuple(fc.constant(i), fc.nat(entries[i]!.entry.length - 1), fc.integer({ min: 1, max: 255 })));
  const flipped = (bytes: Uint8Array, at: number, bits: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at % copy.length]! ^= bits;
    return copy;
  };

  it.each(['strict', 'scan'] as const)('of an entry is detected, and that entry named (%s)', (shape) => {
    fc.assert(
      fc.property(place, ([i, at, bits]) => {
        const judged = judge(inPlace(i, (stored) => ({ ...stored, entry: flipped(stored.entry, at, bits) })), { shape });
        expect(judged).not.toBe('intact');
        expect(judged[1] ?? LAST).toBe(i);
      }),
      { numRuns: 150 },
    );
  });

  it('of the first ten entries, each byte, is detected', () => {
    const short = ledgerOf(10);
    const signed = short.edges[10]!.root();
    for (const [i, { entry }] of short.entries.entries()) {
      for (let at = 0; at < entry.length; at++) {
        const stored = short.entries.map((other, j) => (j === i ? { ...other, entry: flipped(entry, at, 1 << at % 8) } : other));
        expect(judge(stored, { treeSize: 10, shape: 'scan' }, signed)).not.toBe('intact');
      }
    }
  });

  it('of a part is detected, at its entry', () => {
    fc.assert(
      fc.property(fc.nat(SIZE - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (i, at, bits) => {
        const { data, personal } = entries[i]!;
        const changed = [data, ...personal].map((part) => part && flipped(part, at, bits));
        changed.forEach((part, which) => {
          if (part === null) return;
          const stored = which === 0 ? { data: part } : { personal: personal.with(which - 1, part) };
          expect(judge(inPlace(i, (whole) => ({ ...whole, ...stored })))).toEqual(['PART_ALTERED', i]);
        });
      }),
      { numRuns: 40 },
    );
  });
});

describe('going on from a state', () => {
  function pass(from: number, to: number, start?: VerifiedState): { state: VerifiedState; tiles: FullTile[] } {
    const options = { tenant: TENANT, origin: ORIGIN, treeSize: to };
    const verifier = new ChainVerifier(start === undefined ? options : { ...options, start });
    const tiles = entries.slice(from, to).flatMap((stored) => [...verifier.add(stored)]);
    verifier.finish(ledger.edges[to]!.root());
    return { state: verifier.state(), tiles };
  }

  it('equals one pass, wherever it was cut', () => {
    const whole = pass(0, SIZE);
    fc.assert(
      fc.property(fc.array(fc.nat(SIZE), { maxLength: 4 }), (cuts) => {
        const stops = [...new Set([0, ...cuts, SIZE])].sort((a, b) => a - b);
        let start: VerifiedState | undefined;
        const tiles: FullTile[] = [];
        for (const [i, to] of stops.slice(1).entries()) {
          const part = pass(stops[i]!, to, start);
          start = part.state;
          tiles.push(...part.tiles);
        }
        expect(tiles).toEqual(whole.tiles);
        expect(start!.edge.root()).toEqual(root);
        expect({ ...start, edge: 0 }).toEqual({ ...whole.state, edge: 0 });
      }),
      { numRuns: 30 },
    );
  });

  it('leaves the state as it was', () => {
    const { state } = pass(0, 100);
    pass(100, SIZE, state);
    expect(state.index).toBe(100);
    expect(state.edge.root()).toEqual(ledger.edges[100]!.root());
  });

  it('holds the first entry against the state', () => {
    const { state } = pass(0, 100);
    const forged: VerifiedState = { ...state, previousEventHash: '0'.repeat(64) };
    expect(judge(entries.slice(100), { start: forged })).toEqual(['ENTRY_ALTERED', 99]);
    expect(judge(entries.slice(101), { start: state })).toEqual(['ENTRY_INDEX_MISMATCH', 100]);
    expect(judge(entries.slice(100), { start: { ...state, recordedAt: '9999-01-01T00:00:00.000Z' } })).toEqual(['RECORDED_AT_DECREASES', 100]);
    expect(judge(entries.slice(100), { start: { ...state, edge: RightEdge.empty() } })).toEqual(['ROOT_MISMATCH', undefined]);
  });
});
