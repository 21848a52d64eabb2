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
const VALUES_MAX = 200;
const TEXT_TERM = /^(-?)(type|class|subject|id):(\S+)$/;
const TIME_TERM = /^(created|closed|last-used)(<|>=)(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z)?)$/;

export type Test = (resource: Resource) => boolean;
/** What type and class alone decide, apart from the rest: the first is asked once for all that share them. Undefined: nothing of the kind is asked. */
export interface Query {
  readonly fixed: Test | undefined;
  readonly rest: Test | undefined;
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

/** Throws RetentionRulesFault QUERY_MALFORMED. */
export function parseQuery(text: string): Query {
  if (text.length > QUERY_CHARS_MAX) throw malformed(`a query has at most ${QUERY_CHARS_MAX} characters`);
  const terms = text.trim().split(/\s+/).filter((term) => term !== '');
  // What says nothing would hold everything; whoever wants that says so.
  if (terms.length === 0) throw malformed('a query has at least one term');
  if (terms.length > QUERY_TERMS_MAX) throw malformed(`a query has at most ${QUERY_TERMS_MAX} terms`);
  const isFixed = (term: string): boolean => /^-?(type|class):/.test(term);
  const tests = terms.map((term, at) => ({ term, test: testOf(term, at + 1) }));
  const those = (fixed: boolean): Test | undefined => all(tests.filter(({ term }) => isFixed(term) === fixed).map(({ test }) => test));
  return { fixed: those(true), rest: those(false) };
}

/** Met when all are; undefined when there are none. */
export function all(tests: readonly Test[]): Test | undefined {
  const [one] = tests;
  return tests.length <= 1 ? one : (resource) => tests.every((test) => test(resource));
}

function testOf(term: string, at: number): Test {
  const [, not, field = '', values = ''] = TEXT_TERM.exec(term) ?? [];
  if (field !== '') return textTest(field, values.split('|'), not === '-', at);
  const [, clock = '', operator, time = ''] = TIME_TERM.exec(term) ?? [];
  const ms = Date.parse(time);
  // A day that is not in the calendar rolls over in some parsers: what was meant is not known.
  if (clock === '' || Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== time.slice(0, 10)) throw malformed(`term ${at} is none: field:value, or a time with < or >=`);
  const read = TIMES[clock]!;
  return (resource) => {
    const found = read(resource);
    return found !== undefined && (operator === '<' ? found < ms : found >= ms);
  };
}

function textTest(field: string, values: readonly string[], isOpposite: boolean, at: number): Test {
  if (values.length > VALUES_MAX || values.some((value) => value === '' || value.slice(0, -1).includes('*'))) throw malformed(`term ${at}: values are parted by |, and * stands at the end alone`);
  const read = TEXTS[field]!;
  const whole = new Set(values.filter((value) => !value.endsWith('*')));
  const prefixes = values.filter((value) => value.endsWith('*')).map((value) => value.slice(0, -1));
  return (resource) => {
    const found = read(resource);
    const isMet = found !== undefined && (whole.has(found) || prefixes.some((prefix) => found.startsWith(prefix)));
    return isMet !== isOpposite;
  };
}

const malformed = (message: string): RetentionRulesFault => new RetentionRulesFault('QUERY_MALFORMED', message);
