import { describe, expect, it } from '@jest/globals';
import { nameOf, pathOf, wanted, type ApiRoute, type Browser } from '@countersign/devstack';
import { recordedGrants, reaches, type RecordedGrants } from './recorded-grants.js';
import { IdentityMatrix } from './identity-matrix.js';
import { inTurns } from './in-turns.js';
import { RELATIONS, valuesOf, type Relation, type Values } from './samples.js';
import { HOME, type WholeStand } from './whole-stand.js';

/** A role as it is held, or none. */
interface Held {
  readonly role: string;
  readonly level: 'organization' | 'platform';
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
/** No route takes it: whoever may call is told so, and nothing is done; whoever may not is told that before. */
const PROBE = 'probe=1';

interface Cell {
  readonly route: ApiRoute;
  readonly relation: Relation;
  readonly path: string;
  readonly isAllowed: boolean;
}

/** Every route × every role × one's own, another user's, another organisation's: from the OpenAPI document and docs/spec/access.md. */
export function matrixSuite(open: () => WholeStand): void {
  describe('who may call what', () => {
    const grants = recordedGrants();

    it('is as docs/spec/access.md says, for every route, every role where it can be held, and whosever it is, at the edge and at identity itself', async () => {
      const stand = open();
      const people = { own: await stand.person(), other: await stand.person(), elsewhere: await stand.person() };
      await stand.moveElsewhere(people.elsewhere);
      const { account, browser } = people.own;
      await account.enrol(browser);
      const values = await valuesOf(stand, people);
      const identity = await IdentityMatrix.open(stand, values);
      const wrong: string[] = [];
      let cells = 0;
      await change(stand, 'revoke', account.userId, { role: 'member', level: 'organization' });
      // An organisation keeps its last owner: there is one, so that the role can be taken again.
      await change(stand, 'grant', stand.admin.account.userId, { role: 'owner', level: 'organization' });
      for (const held of [undefined, ...grants.roles.filter(({ isForPersons }) => isForPersons).flatMap(({ role, levels }) => levels.map((level): Held => ({ role, level })))]) {
        // The same session all along: a change of roles is in force on the very next request.
        if (held !== undefined) await change(stand, 'grant', account.userId, held);
        const asked = stand.routes.flatMap((route) => cellsOf(route, held, values, grants));
        cells += asked.length;
        wrong.push(...(await judged(browser, held, asked)));
        wrong.push(...(await identity.judge(browser, held, grants)).map((one) => `identity: ${one}`));
        if (held !== undefined) await change(stand, 'revoke', account.userId, held);
      }
      const { told, counted } = await identity.trapped();
      await identity.close();
      expect(wrong).toEqual([]);
      expect(told).toBe(counted);
      expect(told).toBeGreaterThan(100);
      expect(cells).toBeGreaterThan(600);
      expect(identity.asked).toBeGreaterThan(600);
    });

    it('is nothing without a session, but what is public', async () => {
      const stand = open();
      const nobody = stand.browser();
      const people = { own: stand.admin, other: stand.admin, elsewhere: stand.admin };
      const values = await valuesOf(stand, people);
      const codes = await inTurns(stand.routes, async (route) => {
        const { status, json } = await nobody.ask(route.method, `${probe(route, values, 'own')}`);
        return `${nameOf(route)} ${String(status)} ${json.code ?? ''}`;
      });
      expect(codes).toEqual(stand.routes.map((route) => `${nameOf(route)} ${route.access.kind === 'public' ? '400 REQUEST_INVALID' : '401 UNAUTHENTICATED'}`));
    });

    it('by a method or at an address that is not listed is nothing, whoever asks', async () => {
      const stand = open();
      const { admin } = stand;
      const values = await valuesOf(stand, { own: admin, other: admin, elsewhere: admin });
      const paths = [...new Set(stand.routes.map(({ path }) => path))];
      // A fixed path may also be that of a parameter: `…/sessions/revoke-all` names a session to whoever deletes.
      const isListed = (path: string, method: string): boolean => stand.routes.some((route) => route.method === method && new RegExp(`^${route.path.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path));
      const unlisted = paths.flatMap((path) => METHODS.filter((method) => !isListed(path, method)).map((method) => ({ method, path: pathOf(path, own(values)), code: 'METHOD_NOT_ALLOWED' })));
      const unknown = ['/v1', '/v1/', '/v2/account/profile', '/V1/account/profile', '/v1/account', '/v1//account/profile', '/v1/account/profile/', '/v1/account/profile/x', '/v1/account%2fprofile', '/account/profile', '/metrics', '/healthz', '/.env', '/v1/admin'];
      const asked = [...unlisted, ...unknown.flatMap((path) => ['GET', 'POST', 'DELETE'].map((method) => ({ method, path, code: 'ROUTE_UNKNOWN' })))];
      const codes = await inTurns(asked, async ({ method, path }) => {
        const { status, json } = await admin.browser.ask(method, path);
        return method === 'HEAD' ? (status === 405 ? 'METHOD_NOT_ALLOWED' : String(status)) : (json.code ?? String(status));
      });
      expect(asked.map(({ method, path }, at) => `${method} ${path} ${codes[at]!}`)).toEqual(asked.map(({ method, path, code }) => `${method} ${path} ${code}`));
    });
  });
}

function cellsOf(route: ApiRoute, held: Held | undefined, values: Readonly<Record<string, Values>>, grants: RecordedGrants): Cell[] {
  const hasParameters = route.path.includes('{');
  return RELATIONS.filter((relation) => relation === 'own' || hasParameters).map((relation) => ({ route, relation, path: probe(route, values, relation), isAllowed: isAllowed(route, held, relation, values, grants) }));
}

function isAllowed({ access }: ApiRoute, held: Held | undefined, relation: Relation, values: Readonly<Record<string, Values>>, grants: RecordedGrants): boolean {
  if (access.kind !== 'permission') return true;
  // For programs alone, whatever role a person holds.
  if (access.only !== undefined) return false;
  if (held === undefined) return false;
  const { userId, organization } = access.over ?? {};
  const needed = userId !== undefined && relation === 'own' ? 'own' : organization !== undefined && valueOf(values, organization, relation) === HOME ? 'org' : 'all';
  return reaches(grants.reach(held.role, held.level, access.permission!), needed);
}

const valueOf = (values: Readonly<Record<string, Values>>, inBraces: string, relation: Relation): string | undefined => values[inBraces.slice(1, -1)]?.[relation];
const own = (values: Readonly<Record<string, Values>>): Record<string, string> => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.own]));

function probe({ path }: ApiRoute, values: Readonly<Record<string, Values>>, relation: Relation): string {
  return `${pathOf(path, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value[relation]])))}?${PROBE}`;
}

/** The cells that were decided otherwise. */
async function judged(browser: Browser, held: Held | undefined, cells: readonly Cell[]): Promise<string[]> {
  const wrong = await inTurns(cells, async ({ route, relation, path, isAllowed: isExpected }) => {
    const { json } = await browser.ask(route.method, path);
    const expected = isExpected ? 'REQUEST_INVALID' : 'FORBIDDEN';
    return json.code === expected ? undefined : `${held === undefined ? 'nobody' : `${held.role} (${held.level})`}: ${nameOf(route)}, ${relation}: ${expected} was expected, and came: ${json.code ?? 'no problem'}`;
  });
  return wrong.filter((one) => one !== undefined);
}

async function change({ admin }: WholeStand, what: 'grant' | 'revoke', userId: string, { role, level }: Held): Promise<void> {
  const body = level === 'organization' ? { role, organization: HOME } : { role };
  wanted(await admin.browser.post(`/v1/admin/users/${userId}/roles${what === 'grant' ? '' : '/revoke'}`, body), 204);
}
