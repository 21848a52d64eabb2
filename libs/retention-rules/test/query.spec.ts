import { describe, expect, it } from '@jest/globals';
import { covers, parseQuery, QUERY_CHARS_MAX, QUERY_TERMS_MAX, QUERY_VALUES_MAX, type Resource } from '../src/index.js';

const RESOURCE: Resource = { organization: 'acme', type: 'identity.session', id: 's-1', dataClass: 'security', subject: 'user-7', createdMs: Date.parse('2026-01-15T10:00:00Z'), lastUsedMs: Date.parse('2026-02-01T00:00:00Z') };
const numbers = (length: number): string[] => Array.from({ length }, (_, at) => String(at));

describe('a query', () => {
  it.each([
    ['type:identity.session', true],
    ['type:identity.*', true],
    ['type:ledger.*', false],
    ['type:*', true],
    ['class:legal|security', true],
    ['class:legal', false],
    ['subject:user-7', true],
    ['subject:user-*', true],
    ['-subject:user-7', false],
    ['-subject:user-8', true],
    ['id:s-1|s-2', true],
    ['type:identity.* class:legal', false],
    ['  type:identity.*   class:security ', true],
    ['created>=2026-01-15', true],
    ['created>=2026-01-15T10:00:00Z', true],
    ['created<2026-01-15T10:00:00Z', false],
    ['created<2026-01-15T10:00:00.001Z', true],
    ['last-used<2026-02-02', true],
    ['closed<2126-01-01', false],
    ['closed>=1970-01-01', false],
  ])('%s finds it: %s', (query, isFound) => {
    expect(covers({ scope: { query } }, RESOURCE)).toBe(isFound);
  });

  it.each([
    ['', 'a query has at least one term'],
    ['   ', 'a query has at least one term'],
    ['contract', 'term 1'],
    ['type:', 'term 1'],
    ['type:a||b', 'term 1'],
    ['type:a*b', 'term 1'],
    ['class:legal owner:me', 'term 2'],
    ['created>2026-01-01', 'term 1'],
    ['created<2026-02-30', 'term 1'],
    ['created<2026-13-01', 'term 1'],
    ['created<today', 'term 1'],
    ['-created<2026-01-01', 'term 1'],
    [`id:${'x'.repeat(QUERY_CHARS_MAX)}`, `a query has at most ${QUERY_CHARS_MAX} characters`],
    [Array.from({ length: QUERY_TERMS_MAX + 1 }, () => 'type:a').join(' '), `a query has at most ${QUERY_TERMS_MAX} terms`],
    [`type:a id:${numbers(QUERY_VALUES_MAX + 1).join('|')}`, `term 2: at most ${QUERY_VALUES_MAX} values`],
  ])('is refused as %s', (query, why) => {
    expect(() => parseQuery(query)).toThrow(expect.objectContaining({ code: 'QUERY_MALFORMED', message: expect.stringContaining(why) }));
  });

  it('finds each of as many values as it may have', () => {
    const scope = { query: `id:${numbers(QUERY_VALUES_MAX).join('|')}` };
    expect(numbers(QUERY_VALUES_MAX + 1).filter((id) => !covers({ scope }, { ...RESOURCE, id }))).toEqual([String(QUERY_VALUES_MAX)]);
  });

  it('about nobody is not met by what is about nobody, and its opposite is', () => {
    const { subject: _subject, ...nobody } = RESOURCE;
    expect([covers({ scope: { query: 'subject:user-7' } }, nobody), covers({ scope: { query: '-subject:user-7' } }, nobody)]).toEqual([false, true]);
  });

  // A range of audit events that was recorded from 15 January to 15 March.
  it.each([
    ['2026-02-01', '2026-02-02', true],
    ['2026-03-15', undefined, true],
    ['2026-03-16', undefined, false],
    [undefined, '2026-01-16', true],
    [undefined, '2026-01-15', false],
  ])('by time covers a range of many things when it may cover one of them: from %s to %s', (from, before, isCovered) => {
    const range: Resource = { ...RESOURCE, oldestMs: RESOURCE.createdMs, createdMs: Date.parse('2026-03-15T10:00:00Z') };
    const query = [from && `created>=${from}`, before && `created<${before}`].filter((term) => term !== undefined).join(' ');
    expect(covers({ scope: { query } }, range)).toBe(isCovered);
    expect(covers({ scope: { ...(from && { createdFromMs: Date.parse(from) }), ...(before && { createdBeforeMs: Date.parse(before) }) } }, range)).toBe(isCovered);
  });
});
