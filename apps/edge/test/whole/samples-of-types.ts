import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { wanted } from '@countersign/devstack';
import type { Cast, Sample } from './cast.js';
import type { WholeStand } from './whole-stand.js';

const WAIT_MS_MAX = 30_000;
const POLL_MS = 100;
const DESCRIPTION = { service: 'sample', clock: 'created', actions: ['delete'], classes: ['content'] };
const RESOURCE = { id: 'r1', class: 'content', created: '2020-01-01T00:00:00Z' };

/** The installation, or an organisation. */
export interface Place {
  readonly path: string;
  readonly organization: string | undefined;
}

export interface Asking {
  readonly asked: (stand: WholeStand, place: Place, below: string, body: unknown, status: number) => Promise<Readonly<Record<string, string>>>;
  readonly byAdmin: (cast: Cast, place: Place, rest: Partial<Sample>) => Sample;
}

const nameAt = ({ organization }: Place): string => `${organization ?? 'system'}.sample-${randomUUID().slice(0, 8)}`;

/** A type of its own for each sample. */
async function typeAt({ stand: { admin } }: Cast, place: Place): Promise<string> {
  const type = nameAt(place);
  wanted(await admin.browser.post(`${place.path}/types`, { type, ...DESCRIPTION }), 200);
  return type;
}

/** One whose only resource was to go long ago, and is ordered. */
async function orderedAt(cast: Cast, place: Place, { asked }: Asking): Promise<string> {
  const { browser } = cast.stand.admin;
  const type = await typeAt(cast, place);
  wanted(await browser.post(`${place.path}/types/${type}/resources`, { resources: [RESOURCE] }), 200);
  const { proposalId = '' } = await asked(cast.stand, place, '/policies', { rule: { name: 'Sample', type, dispose: { after: { days: 1 }, action: 'delete' } }, reason: 'a sample' }, 200);
  wanted(await browser.post(`${place.path}/proposals/${proposalId}/approve`), 204);
  for (const endMs = performance.now() + WAIT_MS_MAX; performance.now() < endMs; await sleep(POLL_MS)) {
    const { types } = wanted(await browser.get(`${place.path}/types`), 200).json as { types: { type: string; unfetched: number }[] };
    if (types.some((one) => one.type === type && one.unfetched > 0)) return type;
  }
  throw new Error('nothing was ordered');
}

async function fetchedAt(cast: Cast, place: Place, asking: Asking, body: unknown): Promise<Partial<Sample>> {
  const type = await orderedAt(cast, place, asking);
  const { orders } = wanted(await cast.stand.admin.browser.post(`${place.path}/types/${type}/orders`, {}), 200).json as { orders: { orderId: string }[] };
  const { orderId } = orders[0]!;
  return { path: { type, orderId }, body, resource: { type: 'deletion', id: orderId } };
}

/** Samples of routes about types of one's own, by what stands below the place; see samples-of-retention.ts. */
export function typeSamples(asking: Asking): Readonly<Record<string, (cast: Cast, place: Place) => Promise<Sample>>> {
  const { byAdmin } = asking;
  const overType = async (cast: Cast, place: Place, body: unknown): Promise<Sample> => {
    const type = await typeAt(cast, place);
    return byAdmin(cast, place, { path: { type }, body, resource: { type: 'resource-type', id: type } });
  };
  return {
    'GET /types': async (cast, place) => byAdmin(cast, place, {}),
    'POST /types': async (cast, place) => {
      const type = nameAt(place);
      return byAdmin(cast, place, { body: { type, ...DESCRIPTION }, resource: { type: 'resource-type', id: type } });
    },
    'POST /types/{type}/withdraw': (cast, place) => overType(cast, place, { reason: 'a sample' }),
    'POST /types/{type}/resources': (cast, place) => overType(cast, place, { resources: [RESOURCE] }),
    'POST /types/{type}/orders': async (cast, place) => byAdmin(cast, place, { path: { type: await orderedAt(cast, place, asking) }, body: {}, resource: { type: 'deletion' } }),
    'POST /types/{type}/orders/{orderId}/confirm': async (cast, place) => byAdmin(cast, place, await fetchedAt(cast, place, asking, { gone: ['r1'] })),
    'POST /types/{type}/orders/{orderId}/refuse': async (cast, place) => byAdmin(cast, place, await fetchedAt(cast, place, asking, { reason: 'a sample' })),
  };
}
