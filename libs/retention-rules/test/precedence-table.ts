import type { Action, Erasure, Hold, HoldScope, Policy, Resource, ResourceType, Restriction, Verdict } from '../src/index.js';

/** What holds for one contract of Acme's, made on 2026-01-31 at noon, under these rules at that time. All times in UTC. */
export interface Case {
  readonly name: string;
  readonly policies?: readonly Policy[];
  readonly holds?: readonly Hold[];
  readonly erasure?: Erasure;
  readonly restrictions?: readonly Restriction[];
  readonly resource?: Partial<Resource>;
  readonly type?: Partial<ResourceType>;
  readonly at: string;
  /** Verdict, action if due, and until when. */
  readonly is: readonly [Verdict, (Action | undefined)?, string?];
  /** Codes of all reasons with their ids, the most decisive first. */
  readonly why: readonly string[];
}

export const at = (text: string): number => Date.parse(text.includes('T') ? text : `${text}T12:00:00Z`);
export const CONTRACT: Resource = { organization: 'acme', type: 'contract', id: 'c1', dataClass: 'legal', subject: 'ana', createdMs: at('2026-01-31') };
export const CONTRACTS: ResourceType = { type: 'contract', clock: 'created', actions: ['delete', 'scrub'] };
export const ANNOUNCE_MS = 14 * 86_400_000;

/** Of the installation; `on`: closer, by type, class or organisation. */
const rule = (id: string, what: Pick<Policy, 'keep' | 'byLaw' | 'dispose'>, on: Partial<Policy> = {}): Policy => ({ id, version: 1, ...what, ...on });
const years = (count: number): Pick<Policy, 'keep'> => ({ keep: { years: count } });
const days = (count: number): Pick<Policy, 'keep'> => ({ keep: { days: count } });
const gone = (count: number, action: Action = 'delete'): Pick<Policy, 'dispose'> => ({ dispose: { after: { days: count }, action } });
const hold = (id: string, scope: HoldScope, placed = '2026-02-01', released?: string, organization?: string): Hold => ({ id, scope, placedMs: at(placed), ...(released === undefined ? {} : { releasedMs: at(released) }), ...(organization === undefined ? {} : { organization }) });
const everything: HoldScope = { everything: true };
const asked = (day: string): Erasure => ({ id: 'e1', atMs: at(day) });
const restricted = (subject: string, since: string, until?: string, organization?: string): Restriction => ({ id: 's1', subject, sinceMs: at(since), ...(until === undefined ? {} : { untilMs: at(until) }), ...(organization === undefined ? {} : { organization }) });
const ACME = { organization: 'acme' };
const TYPE = { type: 'contract' };
const CLASS = { dataClass: 'legal' };
const SOON = '2026-02-03';
const LATER = '2026-06-01';

const PERIODS: readonly Case[] = [
  { name: 'without any policy nothing is destroyed', at: '2126-01-01', is: ['unruled'], why: ['NO_DISPOSAL'] },
  { name: 'a policy of another type says nothing', policies: [rule('p', gone(1), { type: 'invoice' })], at: LATER, is: ['unruled'], why: ['NO_DISPOSAL'] },
  { name: 'a policy of another class says nothing', policies: [rule('p', gone(1), { dataClass: 'contact' })], at: LATER, is: ['unruled'], why: ['NO_DISPOSAL'] },
  { name: 'a policy of another organisation says nothing', policies: [rule('p', gone(1), { organization: 'globex' })], at: LATER, is: ['unruled'], why: ['NO_DISPOSAL'] },
  { name: 'what is to go after ten days waits until then', policies: [rule('p', gone(10))], at: SOON, is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL p'] },
  { name: 'a millisecond before it still waits', policies: [rule('p', gone(10))], at: '2026-02-10T11:59:59.999Z', is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL p'] },
  { name: 'at the instant it is due', policies: [rule('p', gone(10))], at: '2026-02-10', is: ['due', 'delete'], why: ['DISPOSAL p'] },
  { name: 'long after it is still due', policies: [rule('p', gone(10))], at: '2126-02-10', is: ['due', 'delete'], why: ['DISPOSAL p'] },
  { name: 'a period of no length is due at once', policies: [rule('p', gone(0))], at: '2026-01-31', is: ['due', 'delete'], why: ['DISPOSAL p'] },
  { name: 'a month from the 31st ends with February', policies: [rule('p', { dispose: { after: { months: 1 }, action: 'delete' } })], at: SOON, is: ['waiting', undefined, '2026-02-28'], why: ['DISPOSAL p'] },
  { name: 'in a leap year on the 29th', resource: { createdMs: at('2028-01-31') }, policies: [rule('p', { dispose: { after: { months: 1 }, action: 'delete' } })], at: '2028-02-01', is: ['waiting', undefined, '2028-02-29'], why: ['DISPOSAL p'] },
  { name: 'a year from a leap day ends on the 28th', resource: { createdMs: at('2028-02-29') }, policies: [rule('p', { dispose: { after: { years: 1 }, action: 'delete' } })], at: '2028-03-01', is: ['waiting', undefined, '2029-02-28'], why: ['DISPOSAL p'] },
  { name: 'months count before days', policies: [rule('p', { dispose: { after: { months: 1, days: 1 }, action: 'delete' } })], at: SOON, is: ['waiting', undefined, '2026-03-01'], why: ['DISPOSAL p'] },
  { name: 'seven years are seven years, leap years among them', policies: [rule('p', { dispose: { after: { years: 7 }, action: 'scrub' } })], at: LATER, is: ['waiting', undefined, '2033-01-31'], why: ['DISPOSAL p'] },
  { name: 'what counts from its end does not run while it is open', type: { clock: 'closed' }, policies: [rule('p', gone(1))], at: '2126-01-01', is: ['waiting'], why: ['CLOCK_NOT_STARTED'] },
  { name: 'and runs from then on', type: { clock: 'closed' }, resource: { closedMs: at('2026-03-01') }, policies: [rule('p', gone(10))], at: '2026-03-02', is: ['waiting', undefined, '2026-03-11'], why: ['DISPOSAL p'] },
  { name: 'what counts from its last use counts from its beginning while it was never used', type: { clock: 'last-used' }, policies: [rule('p', gone(10))], at: SOON, is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL p'] },
  { name: 'and from its last use afterwards', type: { clock: 'last-used' }, resource: { lastUsedMs: at('2026-02-02') }, policies: [rule('p', gone(10))], at: SOON, is: ['waiting', undefined, '2026-02-12'], why: ['DISPOSAL p'] },
  { name: 'an action that the owner does not offer destroys nothing in another way', type: { actions: ['scrub'] }, policies: [rule('p', gone(1))], at: LATER, is: ['blocked'], why: ['ACTION_NOT_OFFERED p', 'DISPOSAL p'] },
];

const KEEPING: readonly Case[] = [
  { name: 'keeping beats deleting', policies: [rule('k', days(10)), rule('d', gone(1))], at: SOON, is: ['kept', undefined, '2026-02-10'], why: ['LONGEST_KEEP k', 'DISPOSAL d'] },
  { name: 'also when the deletion names it more closely', policies: [rule('k', days(10)), rule('d', gone(1), { ...TYPE, ...CLASS, ...ACME })], at: SOON, is: ['kept', undefined, '2026-02-10'], why: ['LONGEST_KEEP k', 'DISPOSAL d'] },
  { name: 'at its end the deletion is due that waited', policies: [rule('k', days(10)), rule('d', gone(1))], at: '2026-02-10', is: ['due', 'delete'], why: ['DISPOSAL d'] },
  { name: 'at its end what is to go later waits', policies: [rule('k', days(10)), rule('d', gone(20))], at: '2026-02-10', is: ['waiting', undefined, '2026-02-20'], why: ['DISPOSAL d'] },
  { name: 'at its end what nobody disposes of stays', policies: [rule('k', days(10))], at: '2026-02-10', is: ['unruled'], why: ['NO_DISPOSAL'] },
  { name: 'of two that keep the longer counts', policies: [rule('k1', days(10)), rule('k2', days(20))], at: SOON, is: ['kept', undefined, '2026-02-20'], why: ['LONGEST_KEEP k2', 'SHORTER_KEEP k1', 'NO_DISPOSAL'] },
  { name: 'in whatever order they stand', policies: [rule('k2', days(20)), rule('k1', days(10))], at: SOON, is: ['kept', undefined, '2026-02-20'], why: ['LONGEST_KEEP k2', 'SHORTER_KEEP k1', 'NO_DISPOSAL'] },
  { name: 'also when the shorter names it more closely', policies: [rule('k1', days(10), { ...TYPE, ...ACME }), rule('k2', days(20))], at: SOON, is: ['kept', undefined, '2026-02-20'], why: ['LONGEST_KEEP k2', 'SHORTER_KEEP k1', 'NO_DISPOSAL'] },
  { name: 'an organisation keeps longer than the installation', policies: [rule('k1', days(10)), rule('k2', days(20), ACME)], at: SOON, is: ['kept', undefined, '2026-02-20'], why: ['LONGEST_KEEP k2', 'SHORTER_KEEP k1', 'NO_DISPOSAL'] },
  { name: 'and never shorter', policies: [rule('k1', days(20)), rule('k2', days(10), ACME)], at: SOON, is: ['kept', undefined, '2026-02-20'], why: ['LONGEST_KEEP k1', 'SHORTER_KEEP k2', 'NO_DISPOSAL'] },
  { name: 'for ever is longest of all', policies: [rule('k1', years(100)), rule('k2', { keep: 'for-ever' }), rule('d', gone(1))], at: '2226-01-01', is: ['kept'], why: ['LONGEST_KEEP k2', 'DISPOSAL d'] },
  { name: 'a month and thirty days: in January the month is shorter than in its days', policies: [rule('k1', { keep: { months: 1 } }), rule('k2', days(30))], at: SOON, is: ['kept', undefined, '2026-03-02'], why: ['LONGEST_KEEP k2', 'SHORTER_KEEP k1', 'NO_DISPOSAL'] },
  { name: 'and in July longer', resource: { createdMs: at('2026-07-01') }, policies: [rule('k1', { keep: { months: 1 } }), rule('k2', days(30))], at: '2026-07-02', is: ['kept', undefined, '2026-08-01'], why: ['LONGEST_KEEP k1', 'SHORTER_KEEP k2', 'NO_DISPOSAL'] },
  { name: 'what is open is kept however short the keeping', type: { clock: 'closed' }, policies: [rule('k', days(1)), rule('d', gone(1))], at: '2126-01-01', is: ['kept'], why: ['LONGEST_KEEP k', 'CLOCK_NOT_STARTED'] },
  { name: 'of two alike the one that a law demands is named', policies: [rule('k1', days(10)), rule('k2', { ...days(10), byLaw: 'HGB § 257' })], at: SOON, is: ['kept', undefined, '2026-02-10'], why: ['KEPT_BY_LAW k2', 'SHORTER_KEEP k1', 'NO_DISPOSAL'] },
  { name: 'one policy may keep and then dispose', policies: [rule('p', { ...years(7), dispose: { after: { years: 7 }, action: 'scrub' } })], at: LATER, is: ['kept', undefined, '2033-01-31'], why: ['LONGEST_KEEP p', 'DISPOSAL p'] },
  { name: 'and does so', policies: [rule('p', { ...years(7), dispose: { after: { years: 7 }, action: 'scrub' } })], at: '2033-01-31', is: ['due', 'scrub'], why: ['DISPOSAL p'] },
];

const DISPOSING: readonly Case[] = [
  { name: 'of two as explicit the shorter disposes', policies: [rule('d1', gone(10)), rule('d2', gone(5))], at: SOON, is: ['waiting', undefined, '2026-02-05'], why: ['DISPOSAL d2', 'LONGER_DISPOSAL d1'] },
  { name: 'type before class', policies: [rule('d1', gone(10), TYPE), rule('d2', gone(5), CLASS)], at: SOON, is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL d1', 'LESS_EXPLICIT d2'] },
  { name: 'type and class before type', policies: [rule('d1', gone(10), { ...TYPE, ...CLASS }), rule('d2', gone(5), TYPE)], at: SOON, is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL d1', 'LESS_EXPLICIT d2'] },
  { name: 'class before neither', policies: [rule('d1', gone(10), CLASS), rule('d2', gone(5))], at: SOON, is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL d1', 'LESS_EXPLICIT d2'] },
  { name: 'the organisation’s default before the installation’s', policies: [rule('d1', gone(10), ACME), rule('d2', gone(5))], at: SOON, is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL d1', 'LESS_EXPLICIT d2'] },
  { name: 'the installation’s by class before the organisation’s default', policies: [rule('d1', gone(10), CLASS), rule('d2', gone(5), ACME)], at: SOON, is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL d1', 'LESS_EXPLICIT d2'] },
  { name: 'the organisation’s by type before the installation’s by type', policies: [rule('d1', gone(10), { ...TYPE, ...ACME }), rule('d2', gone(5), TYPE)], at: SOON, is: ['waiting', undefined, '2026-02-10'], why: ['DISPOSAL d1', 'LESS_EXPLICIT d2'] },
  { name: 'all four steps at once', policies: [rule('d0', gone(1)), rule('d1', gone(2), CLASS), rule('d2', gone(3), TYPE), rule('d3', gone(4), { ...TYPE, ...CLASS })], at: '2026-01-31T13:00:00Z', is: ['waiting', undefined, '2026-02-04'], why: ['DISPOSAL d3', 'LESS_EXPLICIT d2', 'LESS_EXPLICIT d1', 'LESS_EXPLICIT d0'] },
  { name: 'the less explicit does not step in when the more explicit waits', policies: [rule('d1', gone(100), TYPE), rule('d2', gone(1))], at: SOON, is: ['waiting', undefined, '2026-05-11'], why: ['DISPOSAL d1', 'LESS_EXPLICIT d2'] },
  { name: 'of two alike the milder action', policies: [rule('d1', gone(1, 'delete')), rule('d2', gone(1, 'scrub'))], at: SOON, is: ['due', 'scrub'], why: ['DISPOSAL d2', 'LONGER_DISPOSAL d1'] },
];

const HOLDS: readonly Case[] = [
  { name: 'a hold beats what is due', policies: [rule('d', gone(1))], holds: [hold('h', everything)], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'DISPOSAL d'] },
  { name: 'and what a law keeps', policies: [rule('k', { ...years(7), byLaw: 'HGB § 257' })], holds: [hold('h', everything)], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'KEPT_BY_LAW k', 'NO_DISPOSAL'] },
  { name: 'and the request of its subject', holds: [hold('h', everything)], erasure: asked(SOON), at: LATER, is: ['held'], why: ['HOLD_IN_FORCE h', 'ERASURE_REQUESTED e1'] },
  { name: 'before it was placed it counts for nothing', policies: [rule('d', gone(1))], holds: [hold('h', everything, '2026-02-05')], at: SOON, is: ['due', 'delete', '2026-02-05'], why: ['DISPOSAL d'] },
  { name: 'from the instant at which it was placed', policies: [rule('d', gone(1))], holds: [hold('h', everything, '2026-02-05')], at: '2026-02-05', is: ['held'], why: ['HOLD_IN_FORCE h', 'DISPOSAL d'] },
  { name: 'of two the older is named first', holds: [hold('h2', everything, '2026-02-02'), hold('h1', everything, '2026-02-01')], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h1', 'HOLD_IN_FORCE h2', 'NO_DISPOSAL'] },
  { name: 'while one of two lasts it is held', policies: [rule('d', gone(1))], holds: [hold('h1', everything, '2026-02-01', '2026-02-02'), hold('h2', everything)], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h2', 'HOLD_RELEASED_LATELY h1', 'DISPOSAL d'] },
  { name: 'a hold of the installation covers every organisation', holds: [hold('h', everything)], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'NO_DISPOSAL'] },
  { name: 'one of another organisation does not', holds: [hold('h', everything, '2026-02-01', undefined, 'globex')], at: SOON, is: ['unruled'], why: ['NO_DISPOSAL'] },
  { name: 'by subject', holds: [hold('h', { subjects: ['bob', 'ana'] }), hold('x', { subjects: ['bob'] })], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'NO_DISPOSAL'] },
  { name: 'by resource', holds: [hold('h', { resources: [{ type: 'contract', id: 'c1' }] }), hold('x', { resources: [{ type: 'invoice', id: 'c1' }, { type: 'contract', id: 'c2' }] })], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'NO_DISPOSAL'] },
  { name: 'by type', holds: [hold('h', { types: ['contract'] }), hold('x', { types: ['invoice'] })], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'NO_DISPOSAL'] },
  { name: 'by class', holds: [hold('h', { dataClasses: ['legal'] }), hold('x', { dataClasses: ['contact'] })], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'NO_DISPOSAL'] },
  { name: 'by time: from is met by its instant, before is not', holds: [hold('h', { createdFromMs: at('2026-01-31') }), hold('x', { createdBeforeMs: at('2026-01-31') })], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'NO_DISPOSAL'] },
  { name: 'by query', holds: [hold('h', { query: 'type:con* -class:contact created>=2026-01-01' }), hold('x', { query: 'type:con* class:contact' })], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'NO_DISPOSAL'] },
  { name: 'all that a scope names must be met', holds: [hold('x', { subjects: ['ana'], types: ['invoice'] }), hold('h', { subjects: ['ana'], types: ['contract'] })], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'NO_DISPOSAL'] },
  { name: 'what is about nobody is not found by subject', resource: { subject: undefined }, holds: [hold('x', { subjects: ['ana'] })], at: SOON, is: ['unruled'], why: ['NO_DISPOSAL'] },
];

const RELEASES: readonly Case[] = [
  { name: 'what became due under a hold is announced first', policies: [rule('d', gone(1))], holds: [hold('h', everything, '2026-02-01', '2026-02-10')], at: '2026-02-11', is: ['announced', undefined, '2026-02-24'], why: ['HOLD_RELEASED_LATELY h', 'DISPOSAL d'] },
  { name: 'from the instant of the release', policies: [rule('d', gone(1))], holds: [hold('h', everything, '2026-02-01', '2026-02-10')], at: '2026-02-10', is: ['announced', undefined, '2026-02-24'], why: ['HOLD_RELEASED_LATELY h', 'DISPOSAL d'] },
  { name: 'and due when it has been announced for long enough', policies: [rule('d', gone(1))], holds: [hold('h', everything, '2026-02-01', '2026-02-10')], at: '2026-02-24', is: ['due', 'delete'], why: ['DISPOSAL d'] },
  { name: 'the later release counts', policies: [rule('d', gone(1))], holds: [hold('h1', everything, '2026-02-01', '2026-02-10'), hold('h2', everything, '2026-02-01', '2026-02-12')], at: '2026-02-13', is: ['announced', undefined, '2026-02-26'], why: ['HOLD_RELEASED_LATELY h2', 'HOLD_RELEASED_LATELY h1', 'DISPOSAL d'] },
  { name: 'what a policy keeps is kept, and not announced', policies: [rule('k', days(100)), rule('d', gone(1))], holds: [hold('h', everything, '2026-02-01', '2026-02-10')], at: '2026-02-11', is: ['kept', undefined, '2026-05-11'], why: ['LONGEST_KEEP k', 'HOLD_RELEASED_LATELY h', 'DISPOSAL d'] },
  { name: 'an erasure is announced too', holds: [hold('h', everything, '2026-02-01', '2026-02-10')], erasure: asked(SOON), at: '2026-02-11', is: ['announced', undefined, '2026-02-24'], why: ['HOLD_RELEASED_LATELY h', 'ERASURE_REQUESTED e1'] },
  { name: 'looking back, a hold was in force until it was released', policies: [rule('d', gone(1))], holds: [hold('h', everything, '2026-02-01', '2026-02-10')], at: '2026-02-09', is: ['held', undefined, '2026-02-10'], why: ['HOLD_IN_FORCE h', 'DISPOSAL d'] },
];

const ERASURES: readonly Case[] = [
  { name: 'a request erases what no policy disposes of', erasure: asked(SOON), at: SOON, is: ['due', 'delete'], why: ['ERASURE_REQUESTED e1'] },
  { name: 'at once, whatever disposes of it later', policies: [rule('d', gone(100, 'scrub'), { ...TYPE, ...CLASS, ...ACME })], erasure: asked(SOON), at: SOON, is: ['due', 'delete'], why: ['ERASURE_REQUESTED e1', 'DISPOSAL d'] },
  { name: 'and ends what is kept because somebody wished so', policies: [rule('k', years(7))], erasure: asked(SOON), at: SOON, is: ['due', 'delete'], why: ['ERASURE_REQUESTED e1', 'KEEP_ENDED_BY_ERASURE k'] },
  { name: 'but not what a law keeps, which the person is shown', policies: [rule('k', { ...years(7), byLaw: 'HGB § 257' })], erasure: asked(SOON), at: SOON, is: ['kept', undefined, '2033-01-31'], why: ['KEPT_BY_LAW k', 'ERASURE_REQUESTED e1'] },
  { name: 'as long as the law demands, and no longer because of another wish', policies: [rule('k1', { ...days(10), byLaw: 'HGB § 257' }), rule('k2', years(7))], erasure: asked(SOON), at: SOON, is: ['kept', undefined, '2026-02-10'], why: ['KEPT_BY_LAW k1', 'KEEP_ENDED_BY_ERASURE k2', 'ERASURE_REQUESTED e1'] },
  { name: 'when the law’s time is over it is due', policies: [rule('k', { ...days(10), byLaw: 'HGB § 257' })], erasure: asked(SOON), at: '2026-02-10', is: ['due', 'delete'], why: ['ERASURE_REQUESTED e1'] },
  { name: 'what is still open is kept by the law that keeps it', type: { clock: 'closed' }, policies: [rule('k', { ...days(10), byLaw: 'HGB § 257' })], erasure: asked(SOON), at: LATER, is: ['kept'], why: ['KEPT_BY_LAW k', 'ERASURE_REQUESTED e1'] },
  { name: 'the strongest action that its owner offers', type: { actions: ['scrub', 'shred'] }, erasure: asked(SOON), at: SOON, is: ['due', 'shred'], why: ['ERASURE_REQUESTED e1'] },
  { name: 'before it was made it counts for nothing', erasure: asked(LATER), at: SOON, is: ['unruled', undefined, LATER], why: ['NO_DISPOSAL'] },
  { name: 'an owner who offers nothing erases nothing', type: { actions: [] }, erasure: asked(SOON), at: SOON, is: ['blocked'], why: ['ACTION_NOT_OFFERED e1', 'ERASURE_REQUESTED e1'] },
];

const RESTRICTIONS: readonly Case[] = [
  { name: 'what its subject wants kept is not destroyed', policies: [rule('d', gone(1))], restrictions: [restricted('ana', '2026-02-01')], at: SOON, is: ['held'], why: ['SUBJECT_RESTRICTED s1', 'DISPOSAL d'] },
  { name: 'not even when a policy keeps it longer anyway', policies: [rule('k', years(1))], restrictions: [restricted('ana', '2026-02-01')], at: SOON, is: ['held'], why: ['SUBJECT_RESTRICTED s1', 'LONGEST_KEEP k', 'NO_DISPOSAL'] },
  { name: 'until that is lifted, without any announcement afterwards', policies: [rule('d', gone(1))], restrictions: [restricted('ana', '2026-02-01', '2026-02-10')], at: SOON, is: ['held', undefined, '2026-02-10'], why: ['SUBJECT_RESTRICTED s1', 'DISPOSAL d'] },
  { name: 'from when it is lifted it is due', policies: [rule('d', gone(1))], restrictions: [restricted('ana', '2026-02-01', '2026-02-10')], at: '2026-02-10', is: ['due', 'delete'], why: ['DISPOSAL d'] },
  { name: 'what is about somebody else is not kept by it', policies: [rule('d', gone(1))], restrictions: [restricted('bob', '2026-02-01')], at: SOON, is: ['due', 'delete'], why: ['DISPOSAL d'] },
  { name: 'nor by one of another organisation', policies: [rule('d', gone(1))], restrictions: [restricted('ana', '2026-02-01', undefined, 'globex')], at: SOON, is: ['due', 'delete'], why: ['DISPOSAL d'] },
  { name: 'a hold is told before it', policies: [rule('d', gone(1))], holds: [hold('h', everything)], restrictions: [restricted('ana', '2026-02-01')], at: SOON, is: ['held'], why: ['HOLD_IN_FORCE h', 'SUBJECT_RESTRICTED s1', 'DISPOSAL d'] },
  { name: 'whoever asks to be erased afterwards is', restrictions: [restricted('ana', '2026-02-01')], erasure: asked('2026-02-02'), at: SOON, is: ['due', 'delete'], why: ['ERASURE_REQUESTED e1'] },
  { name: 'whoever has asked for it before is not, as long as it is restricted', restrictions: [restricted('ana', '2026-02-02')], erasure: asked('2026-02-01'), at: SOON, is: ['held'], why: ['SUBJECT_RESTRICTED s1', 'ERASURE_REQUESTED e1'] },
];

export const CASES: readonly Case[] = [...PERIODS, ...KEEPING, ...DISPOSING, ...HOLDS, ...RELEASES, ...ERASURES, ...RESTRICTIONS];
