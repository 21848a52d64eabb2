import { RetentionRulesFault } from './fault.js';
import type { Resource } from './resource.js';

/**
 * What a hold looks for: terms, all of which must be met.
 *
 *     type:identity.*  class:security|legal  -subject:user-7  created>=2026-01-01  closed<2026-07-01T12:00:00Z
 *
 * `field:value`, several values with `|`, a prefix with `*` at its end, `-` before a term for the opposite; times by `<` and `>=`.
 */
export const QUERY_CHARS_MAX = 2_000;
export const QUERY_TERMS_MAX = 20;
export const QUERY_VALUES_MAX = 200;
const TEXT_TERM = /^(-?)(type|class|subject|id):(\S+)$/;
const TIME_TERM = /^(created|closed|last-used)(<|>=)(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z)?)$/;

export type Test = (resource: Resource) => boolean;

/** Values of which a resource must have one: by them a query is found among many without being asked. */
export interface Anchor {
  /** `name`: see `nameOf`. */
  readonly field: 'subject' | 'id' | 'name';
  readonly whole: ReadonlySet<string>;
  /** None begins with another one, and no whole value with any. */
  readonly prefixes: readonly string[];
}

/** Met when all of its parts are. What type and class alone decide is apart: it is asked once for all that share them. */
export interface Query {
  readonly fixed: Test | undefined;
  readonly anchors: readonly Anchor[];
  readonly rest: Test | undefined;
  /** What of `rest` can be asked of things of which neither the id nor the end nor the last use is known. */
  readonly ofKinds: Test | undefined;
}

const TEXTS: Readonly<Record<string, (resource: Resource) => string | undefined>> = {
  type: ({ type }) => type,
  class: ({ dataClass }) => dataClass,
  subject: ({ subject }) => subject,
  id: ({ id }) => id,
};
const TIMES: Readonly<Record<string, (resource: Resource) => number | undefined>> = {
  created: ({ createdMs }) => createdMs,
  closed: ({ closedMs }) => closedMs,
  'last-used': ({ lastUsedMs }) => lastUsedMs,
};

/** Of a range of things some are before a time when the oldest is. */
const oldestOf = ({ createdMs, oldestMs = createdMs }: Resource): number => oldestMs;

/** Throws RetentionRulesFault QUERY_MALFORMED. */
export function parseQuery(text: string): Query {
  if (text.length > QUERY_CHARS_MAX) throw malformed(`a query has at most ${QUERY_CHARS_MAX} characters`);
  const terms = text.trim().split(/\s+/).filter((term) => term !== '');
  // What says nothing would hold everything; whoever wants that says so.
  if (terms.length === 0) throw malformed('a query has at least one term');
  if (terms.length > QUERY_TERMS_MAX) throw malformed(`a query has at most ${QUERY_TERMS_MAX} terms`);
  const parts = terms.map((term, at) => partOf(term, at + 1));
  const those = (isFixed: boolean): Test | undefined => all(parts.flatMap(({ test, ...part }) => (test !== undefined && part.isFixed === isFixed ? [test] : [])));
  const ofKinds = all(parts.flatMap(({ test, isFixed, isOfKind = false }) => (test !== undefined && !isFixed && isOfKind ? [test] : [])));
  return { fixed: those(true), anchors: parts.flatMap(({ anchor }) => anchor ?? []), rest: those(false), ofKinds };
}

/** Met when all are; undefined when there are none. */
export function all(tests: readonly Test[]): Test | undefined {
  const [one] = tests;
  return tests.length <= 1 ? one : (resource) => tests.every((test) => test(resource));
}

/** One of the two. */
interface Part {
  readonly isFixed: boolean;
  readonly isOfKind?: boolean;
  readonly anchor?: Anchor;
  readonly test?: Test;
}

function partOf(term: string, at: number): Part {
  const [, not, field = '', values = ''] = TEXT_TERM.exec(term) ?? [];
  if (field !== '') {
    const read = valuesOf(values.split('|'), at);
    if (not !== '-' && (field === 'subject' || field === 'id')) return { isFixed: false, anchor: { field, ...read } };
    return { isFixed: field === 'type' || field === 'class', isOfKind: field === 'subject', test: textTest(field, read, not === '-') };
  }
  const [, clock = '', operator, time = ''] = TIME_TERM.exec(term) ?? [];
  const ms = Date.parse(time);
  // A day that is not in the calendar rolls over in some parsers: what was meant is not known.
  if (clock === '' || Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== time.slice(0, 10)) throw malformed(`term ${at} is none: field:value, or a time with < or >=`);
  const read = operator === '<' && clock === 'created' ? oldestOf : TIMES[clock]!;
  return {
    isFixed: false,
    isOfKind: clock === 'created',
    test: (resource) => {
      const found = read(resource);
      return found !== undefined && (operator === '<' ? found < ms : found >= ms);
    },
  };
}

type Values = Pick<Anchor, 'whole' | 'prefixes'>;

function valuesOf(values: readonly string[], at: number): Values {
  if (values.length > QUERY_VALUES_MAX) throw malformed(`term ${at}: at most ${QUERY_VALUES_MAX} values`);
  if (values.some((value) => value === '' || value.slice(0, -1).includes('*'))) throw malformed(`term ${at}: values are parted by |, and * stands at the end alone`);
  const prefixes = [...new Set(values.filter((value) => value.endsWith('*')).map((value) => value.slice(0, -1)))];
  const outermost = prefixes.filter((prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)));
  const whole = values.filter((value) => !value.endsWith('*') && !outermost.some((prefix) => value.startsWith(prefix)));
  return { whole: new Set(whole), prefixes: outermost };
}

/** What an anchor looks at. */
export const ANCHORED: Readonly<Record<Anchor['field'], (resource: Resource) => string | undefined>> = {
  subject: ({ subject }) => subject,
  id: ({ id }) => id,
  name: ({ type, id }) => nameOf(type, id),
};

/** Of a resource among all: a type has no space. */
export const nameOf = (type: string, id: string): string => `${type} ${id}`;

export const anchorTest = ({ field, ...values }: Anchor): Test => {
  const read = ANCHORED[field];
  return (resource) => hasOne(values, read(resource));
};

function textTest(field: string, values: Values, isOpposite: boolean): Test {
  const read = TEXTS[field]!;
  return (resource) => hasOne(values, read(resource)) !== isOpposite;
}

const hasOne = ({ whole, prefixes }: Values, found: string | undefined): boolean => found !== undefined && (whole.has(found) || prefixes.some((prefix) => found.startsWith(prefix)));

const malformed = (message: string): RetentionRulesFault => new RetentionRulesFault('QUERY_MALFORMED', message);
