import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { appliesTo, covers, endOfPeriod, evaluate, isAtLeast, isRestricted, restricts, Rules, shortens, type Erasure, type Hold, type Outcome, type Period, type Policy, type Resource, type ResourceType, type Restriction } from '../src/index.js';

const DAY_MS = 86_400_000;
const FROM_MS = Date.parse('2024-01-01T00:00:00Z');
const instant = fc.integer({ min: 0, max: 2_000 }).map((days) => FROM_MS + days * DAY_MS);
const period: fc.Arbitrary<Period> = fc.record({ years: fc.nat(2), months: fc.nat(14), days: fc.nat(40) }, { requiredKeys: [] });
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const some = <T extends object>(record: T): T => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
const organization = fc.constantFrom('acme', 'globex');
const type = fc.constantFrom('contract', 'message');
const dataClass = fc.constantFrom('legal', 'content');
const action = fc.constantFrom('delete' as const, 'scrub' as const, 'shred' as const);

const policies: fc.Arbitrary<Policy[]> = fc.array(
  fc.record({ organization: maybe(organization), type: maybe(type), dataClass: maybe(dataClass), keep: maybe(fc.oneof(period, fc.constant('for-ever' as const))), byLaw: maybe(fc.constant('HGB § 257')), dispose: maybe(fc.record({ after: period, action })) }),
  { maxLength: 8 },
).map((list) => list.map((one, at) => some({ id: `p${at}`, version: 1, ...one }) as Policy));
/** Values that begin with one another, so that one term finds the same in several ways. */
const values = fc.array(fc.constantFrom('a*', 'an*', 'ana', 'ana*', 'b*', 'bob', 'nobody', '*', 'r*', 'r1', 'r2'), { minLength: 1, maxLength: 3 }).map((some) => some.join('|'));
const term: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom('', '-'), fc.constantFrom('subject', 'id'), values).map(([not, field, text]) => `${not}${field}:${text}`),
  fc.constantFrom('type:contract', '-type:m*', 'class:legal|content', 'created<2026-06-01', 'created>=2025-01-01', 'closed>=2025-06-01', 'last-used<2027-01-01'),
);
const scope: fc.Arbitrary<Hold['scope']> = fc.oneof(
  fc.constant({ everything: true as const }),
  fc.record({ subjects: fc.constantFrom(['ana'], ['bob', 'ana']) }),
  fc.record({ resources: fc.constantFrom([{ type: 'contract', id: 'r1' }], [{ type: 'message', id: 'r1' }, { type: 'message', id: 'r2' }]) }),
  fc.record({ types: fc.constantFrom(['contract'], ['message']), createdBeforeMs: instant }),
  fc.record({ query: fc.constantFrom('type:con* class:legal', '-type:contract created>=2026-01-01', 'subject:a* last-used<2027-01-01') }),
  fc.record({ subjects: maybe(fc.constantFrom(['ana'], ['bob', 'ana'])), query: fc.array(term, { minLength: 1, maxLength: 4 }).map((terms) => terms.join(' ')) }).map(some),
);
const holds: fc.Arbitrary<Hold[]> = fc.array(fc.record({ organization: maybe(organization), scope, placedMs: instant, lasts: maybe(fc.integer({ min: 1, max: 500 })) }), { maxLength: 5 })
  .map((list) => list.map(({ lasts, ...one }, at) => some({ id: `h${at}`, ...one, releasedMs: lasts === undefined ? undefined : one.placedMs + lasts * DAY_MS }) as Hold));
const resource: fc.Arbitrary<Resource> = fc.record({ organization: maybe(organization), type, id: fc.constantFrom('r1', 'r2'), dataClass, subject: maybe(fc.constantFrom('ana', 'bob')), createdMs: instant, closedMs: maybe(instant), lastUsedMs: maybe(instant) }).map((one) => some(one) as Resource);
const types: fc.Arbitrary<ResourceType[]> = fc.tuple(fc.constantFrom('created' as const, 'closed' as const, 'last-used' as const), fc.subarray(['delete' as const, 'scrub' as const, 'shred' as const]))
  .map(([clock, actions]) => ['contract', 'message'].map((name) => ({ type: name, clock, actions })));
const erasure: fc.Arbitrary<Erasure | undefined> = maybe(fc.record({ id: fc.constant('e1'), atMs: instant }));
const restrictions: fc.Arbitrary<Restriction[]> = fc.array(fc.record({ organization: maybe(organization), subject: fc.constantFrom('ana', 'bob'), sinceMs: instant, lasts: maybe(fc.integer({ min: 1, max: 500 })) }), { maxLength: 2 })
  .map((list) => list.map(({ lasts, ...one }, at) => some({ id: `s${at}`, ...one, untilMs: lasts === undefined ? undefined : one.sinceMs + lasts * DAY_MS }) as Restriction));
const world = fc.record({ policies, holds, restrictions, resource, types, erasure, announceDays: fc.nat(30), nowMs: instant });
type World = typeof world extends fc.Arbitrary<infer W> ? W : never;

function outcomeIn({ policies, holds, restrictions, resource, types, erasure, announceDays, nowMs }: World): Outcome {
  const type = types.find((one) => one.type === resource.type)!;
  return evaluate({ resource, type, policies: policies.filter((one) => appliesTo(one, resource)), holds: holds.filter((one) => covers(one, resource)), restrictions: restrictions.filter((one) => restricts(one, resource)), announceMs: announceDays * DAY_MS, ...(erasure === undefined ? {} : { erasure }) }, nowMs);
}

/** A term as docs/spec/retention-rules.md has it, with no regard to how it is found. */
function isMet(text: string, one: Resource): boolean {
  const [, not, field, rest] = /^(-?)([a-z-]+?)(:.*|(?:<|>=).*)$/.exec(text)!;
  const found = { type: one.type, class: one.dataClass, subject: one.subject, id: one.id, created: one.createdMs, closed: one.closedMs, 'last-used': one.lastUsedMs }[field!];
  if (typeof found === 'number') return rest!.startsWith('<') ? found < Date.parse(rest!.slice(1)) : found >= Date.parse(rest!.slice(2));
  const isFound = found !== undefined && rest!.startsWith(':') && rest!.slice(1).split('|').some((value) => (value.endsWith('*') ? found.startsWith(value.slice(0, -1)) : found === value));
  return isFound !== (not === '-');
}

/** One that shortens nothing, or keeps and waits a day longer. */
function alike(policy: Policy, how: string): Policy {
  if (how === 'same') return { ...policy, version: 2 };
  const longer = (one: Period): Period => ({ ...one, days: (one.days ?? 0) + 1 });
  const { keep, dispose } = policy;
  return { ...policy, ...(keep === undefined ? {} : { keep: keep === 'for-ever' ? keep : longer(keep) }), ...(dispose === undefined ? {} : { dispose: { ...dispose, after: longer(dispose.after) } }) };
}

const RUNS = { numRuns: 2_000 };
const decided = ({ verdict, action, untilMs }: Outcome) => ({ verdict, action, untilMs });
const destroys = ({ verdict }: Outcome): boolean => verdict === 'due';

describe('laws of precedence', () => {
  it('one hold more never destroys sooner', () => {
    fc.assert(fc.property(world, scope, instant, (given, more, placedMs) => {
      const held = { ...given, holds: [...given.holds, { id: 'more', scope: more, placedMs }] };
      return !destroys(outcomeIn(held)) || destroys(outcomeIn(given));
    }), RUNS);
  });

  it('what a hold covers is destroyed at no time while it is in force', () => {
    fc.assert(fc.property(world, (given) => {
      const isCovered = given.holds.some((hold) => covers(hold, given.resource) && hold.placedMs <= given.nowMs && (hold.releasedMs ?? Infinity) > given.nowMs);
      const { verdict, reasons } = outcomeIn(given);
      return (verdict === 'held' && reasons[0]?.code === 'HOLD_IN_FORCE') === isCovered;
    }), RUNS);
  });

  it('what is about somebody who is restricted is destroyed at no time, unless he asks for it afterwards', () => {
    fc.assert(fc.property(world, (given) => {
      const isStanding = given.restrictions.some((one) => restricts(one, given.resource) && isRestricted(one, given.erasure, given.nowMs));
      const { verdict, reasons } = outcomeIn(given);
      return (verdict === 'held') === (reasons[0]?.code === 'HOLD_IN_FORCE' || isStanding);
    }), RUNS);
  });

  it('one keeping more never destroys sooner', () => {
    fc.assert(fc.property(world, period, (given, keep) => !destroys(outcomeIn({ ...given, policies: [...given.policies, { id: 'more', version: 1, keep }] })) || destroys(outcomeIn(given))), RUNS);
  });

  it('the order of policies and of holds never matters, not even for the reasons', () => {
    fc.assert(fc.property(world, fc.nat(), (given, turn) => {
      const turned = <T>(list: readonly T[]): T[] => [...list.slice(turn % (list.length || 1)), ...list.slice(0, turn % (list.length || 1))].reverse();
      expect(outcomeIn({ ...given, policies: turned(given.policies), holds: turned(given.holds) })).toEqual(outcomeIn(given));
    }), RUNS);
  });

  it('the outcome stays as it is until the instant that it states', () => {
    fc.assert(fc.property(world, fc.double({ min: 0, max: 1, noNaN: true }), (given, part) => {
      const now = outcomeIn(given);
      const endMs = now.untilMs ?? given.nowMs + 20 * 366 * DAY_MS;
      expect(endMs).toBeGreaterThan(given.nowMs);
      const laterMs = Math.min(endMs - 1, given.nowMs + Math.floor((endMs - given.nowMs) * part));
      expect(decided(outcomeIn({ ...given, nowMs: laterMs }))).toEqual(decided(now));
    }), RUNS);
  });

  it('is the same for one and for many, with the same reason first', () => {
    fc.assert(fc.property(world, (given) => {
      const { policies, holds, restrictions, types, announceDays, nowMs } = given;
      const many = new Rules({ policies, holds, restrictions, types, announceMs: announceDays * DAY_MS }, nowMs).outcomeOf(given.resource, given.erasure)!;
      const one = outcomeIn(given);
      expect([decided(many), many.reasons[0]]).toEqual([decided(one), one.reasons[0]]);
    }), RUNS);
  });

  it('many, one after the other, are judged as each alone', () => {
    fc.assert(fc.property(world, fc.array(resource, { minLength: 2, maxLength: 12 }), (given, resources) => {
      const { policies, holds, restrictions, types, announceDays, nowMs } = given;
      const many = new Rules({ policies, holds, restrictions, types, announceMs: announceDays * DAY_MS }, nowMs);
      for (const one of resources) {
        const [found, alone] = [many.outcomeOf(one)!, outcomeIn({ ...given, resource: one, erasure: undefined })];
        expect([decided(found), found.reasons[0]]).toEqual([decided(alone), alone.reasons[0]]);
      }
    }), { numRuns: 500 });
  });

  it('a query covers what meets its terms one by one', () => {
    fc.assert(fc.property(fc.array(term, { minLength: 1, maxLength: 4 }), resource, (terms, one) => {
      expect(covers({ scope: { query: terms.join(' ') } }, one)).toBe(terms.every((text) => isMet(text, one)));
    }), RUNS);
  });

  it('a change that does not shorten destroys nothing sooner, whatever else there is, where owners offer what is asked of them', () => {
    fc.assert(fc.property(world, policies, maybe(fc.constantFrom('same', 'longer')), (drawn, [after], how) => {
      const given = { ...drawn, types: drawn.types.map((type) => ({ ...type, actions: ['delete' as const, 'scrub' as const, 'shred' as const] })) };
      const [before, ...others] = given.policies;
      const changed = how === undefined || before === undefined ? after : alike(before, how);
      if (shortens(before, changed)) return true;
      const then = { ...given, policies: changed === undefined ? others : [...others, changed] };
      return !destroys(outcomeIn(then)) || destroys(outcomeIn(given));
    }), { numRuns: 5_000 });
  });

  it('every outcome says why', () => {
    fc.assert(fc.property(world, (given) => outcomeIn(given).reasons.length > 0), RUNS);
  });
});

describe('periods', () => {
  it('that are at least as long end no sooner, wherever they begin', () => {
    fc.assert(fc.property(instant, period, period, (startMs, a, b) => !isAtLeast(a, b) || endOfPeriod(startMs, a) >= endOfPeriod(startMs, b)), RUNS);
  });

  it('end as the calendar of Date says', () => {
    fc.assert(fc.property(fc.date({ min: new Date('1600-01-01T00:00:00Z'), max: new Date('2400-01-01T00:00:00Z'), noInvalidDate: true }), fc.record({ years: fc.nat(200), months: fc.nat(30), days: fc.nat(800) }), (start, length) => {
      const months = length.years * 12 + length.months;
      const last = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + months + 1, 0));
      const end = new Date(last);
      end.setUTCDate(Math.min(start.getUTCDate(), last.getUTCDate()));
      expect(endOfPeriod(start.getTime(), length)).toBe(end.getTime() + (((start.getTime() % DAY_MS) + DAY_MS) % DAY_MS) + length.days * DAY_MS);
    }), RUNS);
  });

  it('that begin later end no sooner', () => {
    fc.assert(fc.property(instant, instant, period, (a, b, length) => (a <= b) === (endOfPeriod(a, length) <= endOfPeriod(b, length)) || endOfPeriod(a, length) === endOfPeriod(b, length)), RUNS);
  });
});
