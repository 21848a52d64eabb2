import { describe, expect, it } from '@jest/globals';
import { EVENT_BYTES_MAX } from '@countersign/chain';
import type { StoredParts } from '../../src/destroy/stored-parts.js';
import type { StretchName } from '../../src/destroy/stretch-id.js';
import { STATEMENT_BYTES_MAX, Taking } from '../../src/destroy/taking.js';

const nameOf = (from: number, to: number): StretchName => ({ tenant: 'acme', class: 'content', from, to });
const storedOf = (from: number, to: number, typeOf = (_leaf: number): string => 'shop.order', nameOfLeaf = (leaf: number): string => `user-${leaf % 2}`): StoredParts[] =>
  Array.from({ length: to - from }, (_, at) => ({ leafIndex: from + at, type: typeOf(from + at), class: 'content', recordedAt: '2026-11-22T10:00:00.000Z', parts: 1, names: [nameOfLeaf(from + at)] }));
const bytesOf = (taking: Taking): number => JSON.stringify(taking.spoken).length;

describe('what one statement has room for', () => {
  it('is one range where nothing stays, over stretches that touch and over what has no parts', () => {
    const taking = new Taking(new Set());
    expect(taking.add('a', nameOf(0, 1_024), storedOf(10, 900))).toBe(true);
    expect(taking.add('b', nameOf(1_024, 2_048), storedOf(1_024, 2_048))).toBe(true);
    expect(taking.spoken).toEqual({ types: ['shop.order'], ranges: [[0, 2_048]] });
  });

  it('leaves what a hold names out of every range', () => {
    const taking = new Taking(new Set(['user-1']));
    expect(taking.add('a', nameOf(0, 6), storedOf(0, 6))).toBe(true);
    expect(taking.spoken.ranges).toEqual([[0, 1], [2, 3], [4, 5]]);
    expect(taking.taken[0]).toMatchObject({ going: [{ leafIndex: 0 }, { leafIndex: 2 }, { leafIndex: 4 }], staying: [{ leafIndex: 1 }, { leafIndex: 3 }, { leafIndex: 5 }], keptFor: ['user-1'] });
  });

  it('ends within a stretch when there are more ranges than fit, and what is left is there to be ordered again', () => {
    const taking = new Taking(new Set(['user-1']), 500 * 36);
    expect(taking.add('a', nameOf(0, 1_024), storedOf(0, 1_024))).toBe(true);
    const [{ going, staying, keptFor }] = taking.taken as [Taking['taken'][0]];
    expect(going.length).toBeGreaterThan(400);
    expect(going.length + staying.length).toBe(1_024);
    // For want of room, not for a hold: the list shows it in spite of the hold.
    expect(keptFor).toEqual([]);
    expect(going.every(({ leafIndex }) => leafIndex < staying.at(-1)!.leafIndex)).toBe(true);
    const last = taking.spoken.ranges.at(-1)!;
    expect(last[1]).toBe(going.at(-1)!.leafIndex + 1);
    expect(taking.add('b', nameOf(1_024, 2_048), storedOf(1_024, 2_048))).toBe(false);
    expect(taking.taken).toHaveLength(1);
  });

  it.each([
    ['ranges', (_leaf: number) => 'shop.order', new Set(['user-1'])],
    ['types of the longest names', (leaf: number) => `${'t'.repeat(190)}${String(leaf).padStart(10, '0')}`, new Set<string>()],
  ])('always fits an event: with as many %s as there can be', (_what, typeOf, held) => {
    const taking = new Taking(held);
    const first = Number.MAX_SAFE_INTEGER - 20_000;
    for (let n = 0; n < 16 && taking.add(`s${n}`, nameOf(first + n * 1_024, first + (n + 1) * 1_024), storedOf(first + n * 1_024, first + (n + 1) * 1_024, typeOf)); n++);
    expect(taking.taken.length).toBeGreaterThan(0);
    expect(bytesOf(taking)).toBeGreaterThan(STATEMENT_BYTES_MAX - 1_000);
    expect(bytesOf(taking)).toBeLessThan(EVENT_BYTES_MAX - 8_192);
  });
});
