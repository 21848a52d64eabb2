import { randomBytes } from 'node:crypto';
import { wanted } from '@countersign/devstack';
import type { Cast, Make, Sample } from './cast.js';
import { HOME } from './whole-stand.js';

/** Samples of incidents; see samples.ts. */

const OPENING = { kind: 'unauthorised-access', severity: 'high', summary: 'a sample', detectedAt: '2026-01-31T12:00:00Z', tenants: [HOME], assessment: { significant: 'no', personalData: 'no' } };

const byAdmin = ({ stand: { admin } }: Cast, rest: Partial<Sample>): Sample => ({ by: admin.browser, actor: admin.account.userId, resource: { type: 'incident' }, ...rest });

async function opened({ stand: { admin } }: Cast, more: object = {}): Promise<string> {
  return (wanted(await admin.browser.post('/v1/incidents', { ...OPENING, ...more }), 201).json as unknown as { incident: { incidentId: string } }).incident.incidentId;
}

const reads: Make = async (cast) => ({ by: cast.stand.admin.browser, path: { incidentId: await opened(cast), organization: HOME } });
const changes = (body: unknown, more: object = {}): Make => async (cast) => {
  const incidentId = await opened(cast, more);
  return byAdmin(cast, { path: { incidentId }, resource: { type: 'incident', id: incidentId }, body });
};

export const INCIDENT_SAMPLES: Readonly<Record<string, Make>> = {
  'POST /v1/incidents': async (cast) => byAdmin(cast, { body: OPENING }),
  'POST /v1/incidents/alerts': async (cast) => {
    const alert = { status: 'firing', labels: { alertname: `Sample${randomBytes(4).toString('hex')}`, countersign_incident: 'other' }, startsAt: '2026-01-31T12:00:00Z', fingerprint: randomBytes(8).toString('hex') };
    return byAdmin(cast, { body: { version: '4', groupKey: '{}', status: 'firing', alerts: [alert] } });
  },
  'GET /v1/incidents': reads,
  'GET /v1/incidents/{incidentId}': reads,
  'GET /v1/incidents/{incidentId}/affected': reads,
  'GET /v1/incidents/{incidentId}/draft': async (cast) => {
    const incidentId = await opened(cast);
    wanted(await cast.stand.admin.browser.post(`/v1/incidents/${incidentId}/drafts`, { stage: 'subjects' }), 201);
    return { by: cast.stand.admin.browser, path: { incidentId }, query: '?stage=subjects&version=1' };
  },
  'GET /v1/organizations/{organization}/incidents': reads,
  'POST /v1/incidents/{incidentId}/assess': changes({ severity: 'low', reason: 'a sample' }),
  'POST /v1/incidents/{incidentId}/affect': changes({ tenants: [HOME], subjects: ['user-7'] }),
  'POST /v1/incidents/{incidentId}/clear': changes({ tenants: [HOME], reason: 'a sample' }),
  'POST /v1/incidents/{incidentId}/stages': changes({ stage: 'notification', outcome: 'waived', reason: 'a sample' }, { assessment: {} }),
  'POST /v1/incidents/{incidentId}/drafts': changes({ stage: 'organizations', tenant: HOME }),
  'POST /v1/incidents/{incidentId}/close': changes({ reason: 'a sample' }),
  'POST /v1/incidents/{incidentId}/reopen': async (cast) => {
    const incidentId = await opened(cast);
    wanted(await cast.stand.admin.browser.post(`/v1/incidents/${incidentId}/close`, { reason: 'a sample' }), 204);
    return byAdmin(cast, { path: { incidentId }, resource: { type: 'incident', id: incidentId }, body: { reason: 'a sample' } });
  },
};
