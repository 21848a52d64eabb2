import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { CSRF_HEADER } from '../http/csrf.js';
import { SESSION_COOKIE } from '../http/cookies.js';
import { IDEMPOTENCY_HEADER } from '../http/idempotency.js';
import { statusOf, type ProblemCode } from '../http/fault-status.js';
import { problemSchema } from '../http/problem.js';
import { MUTATING, type Access, type Route } from '../routes/route.js';

type Json = Readonly<Record<string, unknown>>;

/** Of any route: what can go wrong before its own work begins. */
const COMMON: readonly ProblemCode[] = ['REQUEST_INVALID', 'RATE_LIMITED', 'INTERNAL'];
const OF_BODIES: readonly ProblemCode[] = ['BODY_MALFORMED', 'BODY_TOO_LARGE', 'BODY_TOO_DEEP', 'MEDIA_TYPE_UNSUPPORTED'];
const OF_COOKIES: readonly ProblemCode[] = ['ORIGIN_FORBIDDEN', 'CSRF_TOKEN_INVALID'];

/** OpenAPI 3.1, from the same list and the same schemas that serve and validate. */
export function openApiDocument(routes: readonly Route[], { publicOrigin, version }: { readonly publicOrigin: string; readonly version: string }): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:([a-zA-Z]+)/g, '{$1}').replace('*', '{path}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Countersign', version, description: 'Sign-in, accounts, administration, ledgers and proofs.', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: publicOrigin }],
    paths,
    components: {
      schemas: { Problem: schemaOf(problemSchema, 'output') },
      securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE }, apiKey: { type: 'http', scheme: 'bearer', bearerFormat: 'csk_<id>_<secret>' } },
    },
  };
}

function operation(route: Route): Json {
  const { method, path, tag, summary, access, body, emits, rawTypes = ['application/json'] } = route;
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^a-zA-Z]+([a-zA-Z])?/g, (_match, letter: string | undefined) => (letter ?? '').toUpperCase())}`,
    tags: [tag],
    summary,
    security: securityOf(access),
    parameters: parameters(route),
    ...(body === undefined ? {} : { requestBody: { required: true, content: Object.fromEntries(rawTypes.map((type) => [type, { schema: schemaOf(body, 'input') }])) } }),
    responses: responses(route),
    'x-access': accessOf(access, path),
    ...(emits.length === 0 ? {} : { 'x-emits': emits }),
  };
}

/** Over whom: which part of the path names the user, which the organisation, or that in which the caller acts; neither: the platform. */
function accessOf(access: Access, path: string): Json {
  if (access.kind !== 'permission') return access.kind === 'public' ? { kind: 'public', why: access.why } : access;
  const names = [...path.matchAll(/:([a-zA-Z]+)/g)].map(([, name]) => [name!, `{${name!}}`]);
  return { kind: 'permission', permission: access.permission, over: access.target(Object.fromEntries(names) as Record<string, string>, { organization: '{caller}' }), ...(access.only === undefined ? {} : { only: access.only }) };
}


const takesCookies = (access: Access): boolean => access.kind === 'session' || (access.kind === 'permission' && access.only === undefined);

function securityOf(access: Access): readonly Json[] {
  if (access.kind === 'public') return [];
  return takesCookies(access) ? [{ session: [] }, { apiKey: [] }] : [{ apiKey: [] }];
}

function parameters({ method, params, query, access }: Route): readonly Json[] {
  const of = (schema: z.ZodObject | undefined, where: 'path' | 'query'): Json[] => {
    if (schema === undefined) return [];
    const { properties = {}, required = [] } = schemaOf(schema, 'input') as { properties?: Record<string, Json>; required?: string[] };
    return Object.entries(properties).map(([name, each]) => ({ name: name === '*' ? 'path' : name, in: where, required: where === 'path' || required.includes(name), schema: each }));
  };
  const isMutation = MUTATING.has(method);
  return [
    ...of(params, 'path'),
    ...of(query, 'query'),
    ...(isMutation && takesCookies(access)
      ? [
          { name: CSRF_HEADER, in: 'header', required: false, schema: { type: 'string' }, description: 'The token of the cookie __Host-csrf; needed with a session.' },
          { name: IDEMPOTENCY_HEADER, in: 'header', required: false, schema: { type: 'string', maxLength: 255 } },
        ]
      : []),
  ];
}

function responses(route: Route): Json {
  const { status, otherStatuses = [], answer, answerType, faults, body, method, access } = route;
  const codes = new Set([...COMMON, ...faults, ...(body === undefined ? [] : OF_BODIES), ...(MUTATING.has(method) && takesCookies(access) ? OF_COOKIES : [])]);
  const byStatus = Map.groupBy(codes, statusOf);
  const content = answer !== undefined ? { 'application/json': { schema: schemaOf(answer, 'output') } } : answerType !== undefined ? { [answerType]: {} } : undefined;
  return {
    ...Object.fromEntries([status, ...otherStatuses].map((each) => [each, { description: STATUS_CODES[each], ...(content === undefined ? {} : { content }) }])),
    ...Object.fromEntries(
      [...byStatus].sort(([a], [b]) => a - b).map(([each, named]) => [
        each,
        { description: `${STATUS_CODES[each] ?? 'Error'}: ${named.sort().join(', ')}`, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
      ]),
    ),
  };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' }) as Record<string, unknown>;
  return rest;
}
