import type { PermissionId } from '@countersign/access';
import { INCIDENT_STAGE_NAMES, RETENTION_OPERATIONS, type RetentionArgsInput, type RetentionOperation } from '@countersign/contracts';
import { z } from 'zod';
import { alertmanagerSchema, incidentAlerts } from '../incidents/alertmanager.js';
import { retentionRoute } from './retention-route.js';
import type { Access, Route } from './route.js';

/** Security incidents: their clocks, whom they affect, and the notices that are owed. */

type Operation = Extract<RetentionOperation, `incident-${string}`>;

const incidentParams = z.strictObject({ incidentId: RETENTION_OPERATIONS['incident-show'].args.shape.incidentId });
const { organization } = RETENTION_OPERATIONS['incident-notices'].args.shape;
const limit = z.string().regex(/^[1-9]\d{0,2}$/, 'must be 1 to 200').transform(Number).refine((count) => count <= 200, 'must be 1 to 200').optional();
const after = incidentParams.shape.incidentId.optional();
const over = (permission: PermissionId): Access => ({ kind: 'permission', permission, target: ({ organization }) => (organization === undefined ? {} : { organization }) });
const tell = <O extends Operation>(operation: O) => ({ schema: RETENTION_OPERATIONS[operation].result as z.ZodType, pick: (result: unknown) => result });

function reading<O extends Operation>(operation: O, path: string, summary: string, query?: z.ZodObject, params: z.ZodObject | undefined = incidentParams): Route {
  return retentionRoute(operation, {
    method: 'GET', path, tag: 'incidents', limit: 'read', access: over('incident.read'), summary,
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { query }),
    args: (call) => ({ ...call.params, ...call.query }) as RetentionArgsInput<O>,
    tell: tell(operation),
  });
}

/** Below one incident; `answers`: with the incident as it is afterwards. */
function changing<O extends Operation>(operation: O, path: string, summary: string, answers: boolean, status: 200 | 201 = 200): Route {
  const { incidentId: _id, ...rest } = RETENTION_OPERATIONS[operation].args.shape as unknown as { incidentId: z.ZodType } & Record<string, z.ZodType>;
  return retentionRoute(operation, {
    method: 'POST', path: `/v1/incidents/:incidentId/${path}`, tag: 'incidents', limit: 'write', access: over('incident.manage'), summary,
    params: incidentParams,
    body: z.strictObject(rest),
    status,
    args: (call) => ({ ...call.params, ...(call.body as object) }) as RetentionArgsInput<O>,
    ...(answers ? { tell: tell(operation) } : {}),
  });
}

export const INCIDENT_ROUTES: readonly Route[] = [
  retentionRoute('incident-open', {
    method: 'POST', path: '/v1/incidents', tag: 'incidents', limit: 'write', access: over('incident.report'), status: 201,
    summary: 'Open a security incident; the clocks run from when somebody became aware of it.',
    body: RETENTION_OPERATIONS['incident-open'].args,
    args: ({ body }) => body as RetentionArgsInput<'incident-open'>,
    tell: tell('incident-open'),
  }),
  retentionRoute('incident-alerts', {
    method: 'POST', path: '/v1/incidents/alerts', tag: 'incidents', limit: 'write', access: over('incident.report'),
    summary: 'Webhook of an Alertmanager (version 4): alerts with the label countersign_incident open incidents, each once.',
    body: alertmanagerSchema,
    args: ({ body }) => ({ alerts: incidentAlerts(body as z.output<typeof alertmanagerSchema>) }),
    tell: tell('incident-alerts'),
  }),
  reading('incident-list', '/v1/incidents', 'Security incidents, in pages.', z.strictObject({ state: z.enum(['open', 'closed']).optional(), after, limit }), z.strictObject({})),
  reading('incident-show', '/v1/incidents/:incidentId', 'An incident, with its stages and when they are due.'),
  reading('incident-affected', '/v1/incidents/:incidentId/affected', 'Affected organisations, or with a tenant its affected persons by their opaque ids, in pages.', z.strictObject({ tenant: RETENTION_OPERATIONS['incident-affected'].args.shape.tenant, after: z.string().min(1).max(256).optional(), limit })),
  reading('incident-draft-show', '/v1/incidents/:incidentId/draft', 'One version of a notice.', z.strictObject({ stage: z.enum(INCIDENT_STAGE_NAMES), version: z.string().regex(/^[1-9]\d{0,3}$/, 'must be a version').transform(Number) })),
  changing('incident-assess', 'assess', 'What is known now; it decides which stages are owed.', true),
  retentionRoute('incident-affect', {
    method: 'POST', path: '/v1/incidents/:incidentId/affect', tag: 'incidents', limit: 'write', access: over('incident.manage'),
    summary: 'Organisations, or persons of one, are affected too.',
    params: incidentParams,
    body: z.strictObject({ tenants: RETENTION_OPERATIONS['incident-affect'].args.shape.tenants, subjects: RETENTION_OPERATIONS['incident-affect'].args.shape.subjects }),
    args: (call) => ({ ...call.params, ...(call.body as object) }) as unknown as RetentionArgsInput<'incident-affect'>,
  }),
  changing('incident-clear', 'clear', 'Organisations were not affected after all.', false),
  changing('incident-stage', 'stages', 'A person has sent what is owed, or says why it is not sent.', true),
  changing('incident-draft', 'drafts', 'A new version of a notice, of the facts on record or as worded. Nothing is sent.', true, 201),
  changing('incident-close', 'close', 'Close it; no stage may be open.', false),
  changing('incident-reopen', 'reopen', 'Open it again.', false),
  reading('incident-notices', '/v1/organizations/:organization/incidents', 'Incidents that affect the organisation.', z.strictObject({ after, limit }), z.strictObject({ organization })),
];
