import { describe, expect, it } from '@jest/globals';
import { encodeEntryBundle, parseEntryBundle, parseTilePath, partialWidth, tilePath, tilesOf } from '../src/index.js';
import type { FaultCode, TileLevel } from '../src/index.js';
import { bytes, faultOf, hex, vectorsOf } from './vectors.js';

type ValidInput =
  | { readonly operation: 'path'; readonly level: TileLevel; readonly index: number; readonly width: number }
  | { readonly operation: 'tiles'; readonly treeSize: number }
  | { readonly operation: 'bundle'; readonly entries: readonly string[] };
type InvalidInput =
  | { readonly operation: 'parse-path'; readonly path: string }
  | { readonly operation: 'parse-bundle'; readonly bundle: string; readonly width?: number };

function tileCounts(treeSize: number): unknown {
  const levels: { fullTiles: number; partialWidth: number }[] = [];
  for (const { level, width } of tilesOf(treeSize)) {
    const counts = (levels[level] ??= { fullTiles: 0, partialWidth: 0 });
    if (width === 256) counts.fullTiles += 1;
    else counts.partialWidth = width;
  }
  expect(levels.map((_, level) => partialWidth(level, treeSize))).toEqual(levels.map((counts) => counts.partialWidth));
  return { levels };
}

function perform(input: ValidInput): unknown {
  if (input.operation === 'tiles') return tileCounts(input.treeSize);
  if (input.operation === 'bundle') {
    const bundle = encodeEntryBundle(input.entries.map(bytes));
    expect(parseEntryBundle(bundle, input.entries.length).map(hex)).toEqual(input.entries);
    return { bundle: hex(bundle) };
  }
  const { level, index, width } = input;
  const path = tilePath(level, index, width);
  expect(parseTilePath(path)).toEqual({ level, index, width });
  return { path };
}

describe('tiles', () => {
  it.each(vectorsOf<ValidInput, unknown>('tiles/valid'))('$why', ({ input, expect: expected }) => {
    expect(perform(input)).toEqual(expected);
  });
});

describe('tile paths and bundles that are refused', () => {
  it.each(vectorsOf<InvalidInput, { fault: FaultCode }>('tiles/invalid'))('$why', async ({ input, expect: { fault } }) => {
    const read = () => (input.operation === 'parse-path' ? parseTilePath(input.path) : parseEntryBundle(bytes(input.bundle), input.width));
    expect(await faultOf(read)).toBe(fault);
  });

  it.each([
    ['a level above 63', () => tilePath(64, 0)],
    ['a level of 1.5', () => tilePath(1.5, 0)],
    ['a negative index', () => tilePath(0, -1)],
    ['an index above 2^53 - 1', () => tilePath(0, 2 ** 53)],
    ['a width of 0', () => tilePath(0, 0, 0)],
    ['a width of 257', () => tilePath(0, 0, 257)],
  ])('%s has no path', async (_name, write) => {
    expect(await faultOf(write)).toBe('TILE_PATH_MALFORMED');
  });

  it('no bundle is made of an entry over 65,535 bytes', async () => {
    expect(await faultOf(() => encodeEntryBundle([Buffer.alloc(65_536)]))).toBe('EVENT_ENTRY_TOO_LARGE');
    expect(encodeEntryBundle([Buffer.alloc(65_535)])).toHaveLength(65_537);
  });

  it.each([0, 257])('no bundle is made of %i entries', async (count) => {
    expect(await faultOf(() => encodeEntryBundle(Array.from({ length: count }, () => Buffer.of(1))))).toBe('TILE_MALFORMED');
  });
});
