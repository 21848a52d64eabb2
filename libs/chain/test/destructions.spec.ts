import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Destructions, DESTRUCTION_ORDERED, DESTRUCTION_RECALLED, saltedPart, type JsonObject } from '../src/index.js';

const said = (value: JsonObject): Uint8Array => saltedPart('data', JSON.stringify(value), Buffer.alloc(16)).stored;
const ORDER = { order: 'o-1', parts: ['data', 'personal'], types: ['shop.order.placed'], ranges: [[10, 3_000]] };

/** Data of entries 10, 1500 and 2999 are missing, and entry `at` says so. */
function judged(statement: JsonObject, at = 5_000, type: string = DESTRUCTION_ORDERED): number | undefined {
  const destructions = new Destructions();
  for (const index of [10, 1_500, 2_999]) destructions.missing(index, 'data', 'shop.order.placed');
  destructions.stated(at, type, said(statement));
  return destructions.firstUnlawful();
}

describe('a missing part', () => {
  it('is lawful where a statement behind it names its type, name and index', () => {
    expect(judged(ORDER)).toBe(undefined);
    expect(judged({ ...ORDER, ranges: [[10, 11], [1_500, 1_501], [2_999, 3_000]], more: 'fields' })).toBe(undefined);
  });

  it.each<[string, JsonObject, number]>([
    ['begins behind it', { ...ORDER, ranges: [[11, 3_000]] }, 10],
    ['ends before it', { ...ORDER, ranges: [[10, 2_999]] }, 2_999],
    ['has a hole', { ...ORDER, ranges: [[10, 1_500], [1_501, 3_000]] }, 1_500],
    ['is of another type', { ...ORDER, types: ['shop.order'] }, 10],
    ['is of other parts', { ...ORDER, parts: ['personal'] }, 10],
    ['has no order', { ...ORDER, order: '' }, 10],
    ['has a range that is none', { ...ORDER, ranges: [[10, 3_000], [7, 7]] }, 10],
    ['has a range of no numbers', { ...ORDER, ranges: [['10', 3_000]] }, 10],
    ['has parts that there are not', { ...ORDER, parts: ['data', 'entry'] }, 10],
  ])('is not where the statement %s', (_what, statement, first) => {
    expect(judged(statement)).toBe(first);
  });

  it('is not where the statement speaks of what was not there yet, is of another type, or cannot be read', () => {
    expect(judged(ORDER, 2_999)).toBe(10);
    expect(judged(ORDER, 5_000, 'shop.parts.destruction-ordered')).toBe(10);
    const destructions = new Destructions();
    destructions.missing(10, 'data', 'shop.order.placed');
    destructions.stated(5_000, DESTRUCTION_ORDERED, null);
    destructions.stated(5_001, DESTRUCTION_ORDERED, Buffer.from('sixteen bytes …. {"order":'));
    expect(destructions.firstUnlawful()).toBe(10);
  });

  it('is not where the order was recalled, before or after', () => {
    const destructions = new Destructions();
    destructions.missing(10, 'data', 'shop.order.placed');
    destructions.stated(5_000, DESTRUCTION_ORDERED, said(ORDER));
    destructions.stated(5_001, DESTRUCTION_RECALLED, said({ order: 'o-2' }));
    expect(destructions.firstUnlawful()).toBe(undefined);
    destructions.stated(5_002, DESTRUCTION_RECALLED, said({ order: 'o-1' }));
    expect([...destructions.unlawful()]).toEqual([{ leafIndex: 10, name: 'data' }]);
  });

  it('is never one of a statement', () => {
    const destructions = new Destructions();
    destructions.missing(100, 'data', DESTRUCTION_ORDERED);
    destructions.stated(5_000, DESTRUCTION_ORDERED, said({ ...ORDER, types: [DESTRUCTION_ORDERED] }));
    expect(destructions.firstUnlawful()).toBe(100);
  });
});

describe('what was met', () => {
  it('is judged alike however it is cut into stretches and saved, and as the rule itself says', () => {
    const index = fc.nat(6_000);
    const range = fc.tuple(index, fc.integer({ min: 1, max: 2_500 })).map(([from, length]): [number, number] => [from, from + length]);
    const statement = fc.record({ order: fc.constantFrom('a', 'b', 'c'), ranges: fc.array(range, { maxLength: 4 }), types: fc.subarray(['x.y.z', 'x.y.w']) });
    const missing = fc.uniqueArray(fc.tuple(index, fc.constantFrom('x.y.z', 'x.y.w')), { selector: ([at]) => at, maxLength: 60 });
    fc.assert(fc.property(missing, fc.array(statement, { maxLength: 5 }), fc.subarray(['a', 'b', 'c']), (gone, statements, recalled) => {
      const stretches = [new Destructions(), new Destructions(), new Destructions()];
      gone.forEach(([at, type]) => stretches[at % 3]!.missing(at, 'data', type));
      statements.forEach((one, at) => stretches[at % 3]!.stated(10_000, DESTRUCTION_ORDERED, said({ ...one, parts: ['data'] })));
      recalled.forEach((order, at) => stretches[at % 3]!.stated(10_001, DESTRUCTION_RECALLED, said({ order })));
      const whole = new Destructions();
      for (const stretch of stretches) whole.merge(JSON.parse(JSON.stringify(stretch.save())) as ReturnType<Destructions['save']>);
      const isLawful = ([at, type]: [number, string]): boolean =>
        statements.some(({ order, ranges, types }) => !recalled.includes(order) && types.includes(type) && ranges.some(([from, to]) => from <= at && at < to));
      const expected = gone.filter((one) => !isLawful(one)).map(([at]) => at).sort((a, b) => a - b);
      expect([...whole.unlawful()].map(({ leafIndex }) => leafIndex).sort((a, b) => a - b)).toEqual(expected);
    }), { numRuns: 200 });
  });
});
