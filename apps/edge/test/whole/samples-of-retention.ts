import { wanted } from '@countersign/devstack';
import type { Cast, Make, Sample } from './cast.js';
import { typeSamples, type Place } from './samples-of-types.js';
import { HOME, type Person, type WholeStand } from './whole-stand.js';

/** Samples of routes about retention, each at the installation and at an organisation; see samples.ts. */

const RESOURCE = '?type=contract&id=c1&class=legal&created=2026-01-31T12:00:00Z&actions=delete,scrub';
const KEEP = { name: 'Contracts', type: 'contract', keep: { years: 7 } };
const DESTROY = { name: 'Messages', type: 'message', dispose: { after: { days: 30 }, action: 'delete' } };
const MATTER = { matter: 'Audit 2026', scope: { subjects: ['user-7'] }, reason: 'a sample' };

const officers = new WeakMap<WholeStand, Promise<Person>>();

/** A second person, whom the administrator can agree with. */
function officerOf(stand: WholeStand): Promise<Person> {
  const known = officers.get(stand) ?? (async () => {
    const person = await stand.person();
    await person.account.enrol(person.browser);
    wanted(await stand.admin.browser.post(`/v1/admin/users/${person.account.userId}/roles`, { role: 'privacy-officer' }), 204);
    return person;
  })();
  officers.set(stand, known);
  return known;
}

const byAdmin = ({ stand: { admin } }: Cast, { organization }: Place, rest: Partial<Sample>): Sample => ({ by: admin.browser, actor: admin.account.userId, ...rest, path: { ...(organization === undefined ? {} : { organization }), ...rest.path } });

/** What the officer has asked for at a place. */
async function asked(stand: WholeStand, { path }: Place, below: string, body: unknown, status: number): Promise<Readonly<Record<string, string>>> {
  return wanted(await (await officerOf(stand)).browser.post(`${path}${below}`, body), status).json as Readonly<Record<string, string>>;
}

async function holdFor(stand: WholeStand, place: Place, isAsked: boolean): Promise<Sample> {
  const { holdId = '' } = await asked(stand, place, '/holds', MATTER, 201);
  if (isAsked) await asked(stand, place, `/holds/${holdId}/ask-release`, { reason: 'a sample' }, 204);
  return { by: stand.admin.browser, path: { holdId }, resource: { type: 'hold', id: holdId } };
}

async function proposalAt(stand: WholeStand, place: Place): Promise<Sample> {
  const { proposalId = '', policyId = '' } = await asked(stand, place, '/policies', { rule: DESTROY, reason: 'a sample' }, 200);
  return { by: stand.admin.browser, path: { proposalId }, resource: { type: 'retention-policy', id: policyId } };
}

/** By what stands below the place. */
const BELOW: Readonly<Record<string, (cast: Cast, place: Place) => Promise<Sample>>> = {
  'GET /policies': async (cast, place) => byAdmin(cast, place, {}),
  'POST /policies': async (cast, place) => byAdmin(cast, place, { body: { rule: KEEP, reason: 'a sample' }, resource: { type: 'retention-policy' } }),
  'GET /dry-run': async (cast, place) => byAdmin(cast, place, { query: `?rule=${encodeURIComponent(JSON.stringify(DESTROY))}` }),
  'POST /proposals/{proposalId}/approve': async (cast, place) => byAdmin(cast, place, await proposalAt(cast.stand, place)),
  'POST /proposals/{proposalId}/withdraw': async (cast, place) => byAdmin(cast, place, { ...(await proposalAt(cast.stand, place)), body: { reason: 'a sample' } }),
  'GET /explain': async (cast, place) => byAdmin(cast, place, { query: RESOURCE }),
  'GET /holds': async (cast, place) => byAdmin(cast, place, { query: '?limit=10&releasedToo=true' }),
  'POST /holds': async (cast, place) => byAdmin(cast, place, { body: MATTER, resource: { type: 'hold' } }),
  'GET /holds/{holdId}': async (cast, place) => byAdmin(cast, place, await holdFor(cast.stand, place, false)),
  'POST /holds/{holdId}/ask-release': async (cast, place) => byAdmin(cast, place, { ...(await holdFor(cast.stand, place, false)), body: { reason: 'a sample' } }),
  'POST /holds/{holdId}/release': async (cast, place) => byAdmin(cast, place, await holdFor(cast.stand, place, true)),
  ...typeSamples({ asked, byAdmin }),
  'POST /holds/{holdId}/refuse-release': async (cast, place) => byAdmin(cast, place, { ...(await holdFor(cast.stand, place, true)), body: { reason: 'a sample' } }),
};

export const RETENTION_SAMPLES: Readonly<Record<string, Make>> = Object.fromEntries(
  Object.entries(BELOW).flatMap(([route, make]) => {
    const [method = '', below = ''] = route.split(' ');
    return ([['/v1/retention', undefined], ['/v1/organizations/{organization}/retention', HOME]] as const).map(([prefix, organization]): [string, Make] => [
      `${method} ${prefix}${below}`,
      (cast) => make(cast, { path: prefix.replace('{organization}', HOME), organization }),
    ]);
  }),
);
