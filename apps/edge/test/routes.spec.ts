import { describe, expect, it } from '@jest/globals';
import { PERMISSIONS } from '@countersign/access';
import { z } from 'zod';
import { openApiDocument } from '../src/openapi/document.js';
import { apiPage } from '../src/openapi/page.js';
import { PROBLEM_CODES } from '../src/http/fault-status.js';
import { ROUTES } from '../src/routes/index.js';
import { checkRoutes, MUTATING, type Route } from '../src/routes/route.js';

const SAMPLE: Route = {
  method: 'POST', path: '/v1/things/:thingId', tag: 'admin', summary: 'x', access: { kind: 'session' },
  params: z.strictObject({ thingId: z.string() }), status: 204, emits: ['edge.thing.made'], faults: [], limit: 'write', handle: async () => ({}),
};

describe('the list of routes', () => {
  it('keeps what the API promises', () => {
    expect(() => checkRoutes(ROUTES)).not.toThrow();
  });

  it('names an event for every mutation, of the service that makes it', () => {
    const mutating = ROUTES.filter(({ method }) => MUTATING.has(method));
    expect(mutating.length).toBeGreaterThan(10);
    for (const { emits } of mutating) expect(emits.filter((type) => !/^((identity|retention)(\.[a-z-]+){2}|http\.\*)$/.test(type))).toEqual([]);
  });

  it('asks for permissions that exist, over a target that its path names', () => {
    const known = new Set<string>(PERMISSIONS.map(({ id }) => id));
    for (const { access, path } of ROUTES) {
      if (access.kind !== 'permission') continue;
      expect(known).toContain(access.permission);
      const named = { ...(path.includes(':userId') ? { userId: 'u1' } : {}), ...(path.includes(':tenant') ? { tenant: 'acme' } : {}), ...(path.includes(':organization') ? { organization: 'acme' } : {}) };
      const target = access.target(named, {});
      expect({ path, user: target.userId !== undefined, organization: target.organization !== undefined }).toEqual({ path, user: path.includes(':userId'), organization: /:(tenant|organization)/.test(path) });
    }
  });

  it.each<[string, Partial<Route>]>([
    ['changes something and names no event', { emits: [] }],
    ['reads, and takes a body', { method: 'GET', body: z.strictObject({}) }],
    ['is not below /v1/', { path: '/things/:thingId' }],
    ['is public for no reason', { access: { kind: 'public', why: '' } }],
    ['path and schema name different parameters', { path: '/v1/things/:otherId' }],
    ['says 204 and answers', { answer: z.strictObject({}) }],
  ])('is refused when a route %s', (why, change) => {
    expect(() => checkRoutes([{ ...SAMPLE, ...change }])).toThrow(why);
  });

  it('is refused when a route is listed twice', () => {
    expect(() => checkRoutes([SAMPLE, SAMPLE])).toThrow('POST /v1/things/:thingId: is listed twice');
  });
});

describe('the documents made of it', () => {
  const document = openApiDocument(ROUTES, { publicOrigin: 'https://countersign.example', version: '0.1.0' }) as {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string; parameters: { name: string }[]; responses: Record<string, { description: string }>; security: object[]; 'x-emits'?: string[] }>>;
  };
  const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, each]) => ({ path, method, ...each })));

  it('hold every route once, each with a name of its own', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations).toHaveLength(ROUTES.length);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(ROUTES.length);
    for (const { path } of ROUTES) expect(apiPage(ROUTES)).toContain(path);
  });

  it('name the faults of each route, and only known ones', () => {
    for (const { responses } of operations) {
      const codes = Object.entries(responses).filter(([status, { description }]) => Number(status) >= 400 && description.includes(': ')).flatMap(([, { description }]) => description.split(': ')[1]!.split(', '));
      expect(codes.filter((code) => !(PROBLEM_CODES as readonly string[]).includes(code))).toEqual([]);
    }
  });

  it('ask for the token against forged requests wherever a session changes something', () => {
    for (const { method, security, parameters, 'x-emits': emits } of operations) {
      const isGuarded = parameters.some(({ name }) => name === 'x-csrf-token');
      expect({ method, isGuarded }).toEqual({ method, isGuarded: method !== 'get' && security.some((one) => 'session' in one) });
      expect(emits === undefined).toBe(method === 'get');
    }
  });
});
