import type { ApiRoute, JsonSchema } from './open-api.js';
import { nameOf, pathOf, validSample } from './open-api.js';

const HUGE_CHARS = 70_000;
const DEEP_LEVELS = 40;
const LONG_PART_CHARS = 400;

/** One request that is not as its route's schema has it. */
export interface BadInput {
  readonly route: string;
  readonly what: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** What must come; absent: any problem from 400 to 499. */
  readonly code?: string;
  /** Named by the problem, or by the beginning of what it names. */
  readonly field?: string;
  /** The schema does not forbid it: it may be taken, and must not break anything. */
  readonly mayPass?: true;
}

/** Texts that break what does not expect them. As they stand in a JSON text. */
const TRICKS: Readonly<Record<string, string>> = {
  'NUL': '\\u0000',
  'line break': 'a\\r\\nSet-Cookie: x=y',
  'right-to-left override': 'a\\u202eb',
  'decomposed letter': 'e\\u0301',
  'zero width joiner': 'a\\u200db',
  'noncharacter': 'a\\uffffb',
  'four-byte letter': '\\ud83d\\udc80',
  'byte order mark': '\\ufeffa',
  'template': '${7*7}{{7*7}}',
  'quote and comment': "a' OR 1=1 --",
};
const WRONG_TYPES: Readonly<Record<string, readonly unknown[]>> = {
  string: [1, true, null, [], {}, ['a']],
  boolean: [1, 'true', null, []],
  integer: ['1', 1.5, null, true, [], 1e300],
  number: ['1', null, true, []],
  array: ['a', 1, null, {}],
  object: ['a', 1, null, [1]],
};
const NOT_JSON: Readonly<Record<string, string | Buffer>> = {
  'cut short': '{"a":',
  'empty text': ' ',
  'two values': '{} {}',
  'NaN': '{"a":NaN}',
  'single quotes': "{'a':1}",
  'trailing comma': '{"a":1,}',
  'comment': '{} // x',
  'byte order mark': '\ufeff{}',
  'not UTF-8': Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
  'overlong UTF-8': Buffer.from([0x22, 0xc0, 0xaf, 0x22]),
  'UTF-16': Buffer.from('{"a":1}', 'utf16le'),
  'a name twice': '{"a":1,"a":2}',
  'a name twice, spelt otherwise': '{"a":1,"\\u0061":2}',
  'a poisoned prototype': '{"__proto__":{"isAdmin":true}}',
  'a poisoned constructor': '{"constructor":{"prototype":{"isAdmin":true}}}',
  'half a surrogate pair': '{"a":"\\ud800"}',
  'half a surrogate pair as a name': '{"\\udc00":1}',
};
const MEDIA_TYPES = ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', 'image/png'];
const PATH_PARTS: Readonly<Record<string, string>> = {
  'NUL': '%00', 'line break': '%0d%0aSet-Cookie:%20x=y', 'a way up': '..%2f..%2fetc%2fpasswd', 'too long': 'x'.repeat(LONG_PART_CHARS), 'override': '%E2%80%AE',
  'bad escape': '%zz', 'not UTF-8': '%ff%fe', 'quote': "a'--", 'blank': '%20', 'brackets': '[]', 'template': '%24%7B7*7%7D',
};
const QUERY_TEXTS: Readonly<Record<string, string>> = { 'NUL': '%00', 'line break': '%0d%0a', 'huge': 'x'.repeat(3_000), 'bad escape': '%zz', 'not UTF-8': '%ff%fe', 'override': '%E2%80%AE', 'huge number': '9'.repeat(40), 'minus': '-1', 'quote': "a'--" };

/**
 * Every bad input that follows from the route's own schema, and what comes instead. `values`: of the path's parameters. `whole`: a body that is taken, where the
 * schema alone does not make one.
 */
export function badInputs(route: ApiRoute, values: Readonly<Record<string, string>>, whole?: Readonly<Record<string, unknown>>): BadInput[] {
  const about = { route: nameOf(route), method: route.method, path: pathOf(route.path, values) };
  const query = `?${route.parameters.filter((one) => one.in === 'query' && one.required).map(({ name, schema }) => `${name}=${encodeURIComponent(String(validSample(schema, name)))}`).join('&')}`;
  return [
    ...(route.method === 'GET' ? [] : [...texts(route, whole), ...(route.body === undefined ? unwanted() : members(route.body, route, whole))].map((one) => ({ ...about, ...one }))),
    ...inPath(route, values).map((one) => ({ ...about, ...one })),
    ...inQuery(route).map(({ added, ...one }) => ({ ...about, path: `${about.path}${query}&${added}`, ...one })),
  ];
}

type Case = Omit<BadInput, 'route' | 'method' | 'path'>;

function texts(route: ApiRoute, given?: object): Case[] {
  const whole = JSON.stringify(given ?? (route.body === undefined ? {} : validSample(route.body, nameOf(route))));
  return [
    ...Object.entries(NOT_JSON).map(([what, body]) => ({ what, body, code: 'BODY_MALFORMED' })),
    { what: 'cut in the middle', body: `${whole.slice(0, -1)}`, code: 'BODY_MALFORMED' },
    { what: 'too deep', body: '['.repeat(DEEP_LEVELS) + ']'.repeat(DEEP_LEVELS), code: 'BODY_TOO_DEEP' },
    ...MEDIA_TYPES.map((type) => ({ what: `as ${type}`, body: 'a=b', headers: { 'content-type': type }, code: 'MEDIA_TYPE_UNSUPPORTED' })),
    { what: 'compressed', body: Buffer.from('1f8b08000000000000ffabae050043bfa6a302000000', 'hex'), headers: { 'content-encoding': 'gzip' }, code: 'BODY_MALFORMED' },
  ];
}

const unwanted = (): Case[] => [{ what: 'a body where none is taken', body: '{"isAdmin":true}', code: 'REQUEST_INVALID', field: 'isAdmin' }];

/** Members missing, too many, of other types, and with odd texts. Only the first form of a choice is varied. */
function members(schema: JsonSchema, route: ApiRoute, whole?: Readonly<Record<string, unknown>>): Case[] {
  const form = schema.anyOf?.[0] ?? schema.oneOf?.[0] ?? schema;
  if (form.type !== 'object') return [];
  const isChoice = form !== schema;
  const sample = whole ?? (validSample(form, nameOf(route)) as Record<string, unknown>);
  const refused = (what: string, body: unknown, field: string): Case => ({ what, body: JSON.stringify(body), code: 'REQUEST_INVALID', ...(isChoice ? {} : { field }) });
  const unknown = { ...sample, isAdmin: true };
  // Of a format that is somebody else's: what a later version adds is let through.
  const tooMany: Case = form.additionalProperties === false ? refused('a member too many', unknown, 'isAdmin') : { what: 'a member too many', body: JSON.stringify(unknown), mayPass: true };
  const cases: Case[] = [tooMany, { what: 'a list', body: '[]', code: 'REQUEST_INVALID' }, { what: 'a number', body: '7', code: 'REQUEST_INVALID' }];
  for (const name of form.required ?? []) {
    const { [name]: _left, ...rest } = sample;
    cases.push(refused(`without ${name}`, rest, name));
  }
  for (const [name, member] of Object.entries(form.properties ?? {})) {
    for (const value of WRONG_TYPES[member.type ?? ''] ?? []) cases.push(refused(`${name}: ${JSON.stringify(value)}`, { ...sample, [name]: value }, name));
    if (member.type === 'string') cases.push(...odd(name, member, sample));
  }
  return cases;
}

function odd(name: string, member: JsonSchema, sample: Readonly<Record<string, unknown>>): Case[] {
  const huge = JSON.stringify({ ...sample, [name]: 'x'.repeat(HUGE_CHARS) });
  const { [name]: _left, ...rest } = sample;
  const rests = Object.entries(rest).map(([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`).join('');
  return [
    { what: `${name}: huge`, body: huge, ...(member.maxLength === undefined && member.pattern === undefined ? { mayPass: true as const } : { code: 'REQUEST_INVALID', field: name }) },
    { what: `${name}: half a surrogate pair`, body: `{${JSON.stringify(name)}:"a\\ud800"${rests}}`, code: 'BODY_MALFORMED' },
    ...Object.entries(TRICKS).map(([what, text]) => ({ what: `${name}: ${what}`, body: `{${JSON.stringify(name)}:"${text}"${rests}}`, mayPass: true as const })),
  ];
}

function inPath(route: ApiRoute, values: Readonly<Record<string, string>>): (Case & { readonly path: string })[] {
  const names = route.parameters.filter((one) => one.in === 'path').map(({ name }) => name);
  return names.flatMap((name) => Object.entries(PATH_PARTS).map(([what, part]) => ({ what: `{${name}}: ${what}`, path: pathOf(route.path, { ...values, [name]: part }) })));
}

function inQuery(route: ApiRoute): (Case & { readonly added: string })[] {
  const names = route.parameters.filter((one) => one.in === 'query').map(({ name }) => name);
  return [
    { what: 'a query that is not known', added: 'isAdmin=1', code: 'REQUEST_INVALID', field: 'isAdmin' },
    ...names.map((name) => ({ what: `?${name} twice`, added: `${name}=1&${name}=2`, code: 'REQUEST_INVALID', field: name })),
    // A GET may be answered; whatever changes something takes no query at all.
    ...names.flatMap((name) => Object.entries(QUERY_TEXTS).map(([what, text]) => ({ what: `?${name}: ${what}`, added: `${name}=${text}`, mayPass: true as const }))),
  ];
}
