import { hash } from 'node:crypto';
import { AFFECTED_SUBJECTS_MAX, type RetentionArgs, type RetentionResult } from '@countersign/contracts';
import type { IncidentChange } from '../domain/incident.js';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import { idFor } from '../request/id-for.js';
import type { Because } from '../requests/because.js';
import { insertSubjects, type Draft } from '../store/incident-rows.js';
import { openIncident, takeAlerts, UNASSESSED } from './alerts.js';
import { changeIncident, type IncidentFlows } from './incident-store.js';
import { noticeOf, worded } from './notices.js';

type Names = Extract<keyof Handlers, `incident-${string}`>;
type Whole = RetentionResult<'incident-open'>;

export function incidentHandlers(flows: IncidentFlows): Pick<Handlers, Names> {
  const { incidents } = flows;
  return {
    'incident-open': (args, asker) => open(flows, args, asker),
    'incident-alerts': (args, asker) => {
      authorise(asker, 'incident.report', {});
      // An alert that comes again is known by itself: no command id.
      return takeAlerts(flows, args, { ...becauseOf(asker), command: {} });
    },
    'incident-list': async ({ state, after = '', limit }, asker) => {
      authorise(asker, 'incident.read', {});
      return paged(await incidents.page(state === 'open', after, limit + 1), limit);
    },
    'incident-show': async ({ incidentId }, asker) => {
      authorise(asker, 'incident.read', {});
      return { ...(await whole(flows, incidentId, asker)), drafts: await incidents.drafts(incidentId), alerts: await incidents.alerts(incidentId) };
    },
    'incident-notices': async ({ organization, after = '', limit }, asker) => {
      authorise(asker, 'incident.read', { organization });
      return paged(await incidents.notices(organization, after, limit + 1), limit);
    },
    'incident-affected': (args, asker) => affected(flows, args, asker),
    'incident-assess': async ({ incidentId, awareAt, reason, ...rest }, asker) => {
      await manage(flows, incidentId, { type: 'assess', reason, ...rest, ...(awareAt === undefined ? {} : { awareAtMs: Date.parse(awareAt) }) }, asker);
      return whole(flows, incidentId, asker);
    },
    'incident-affect': (args, asker) => affect(flows, args, asker),
    'incident-clear': async ({ incidentId, tenants, reason }, asker) => {
      await manage(flows, incidentId, { type: 'clear', tenants, reason }, asker);
      return {};
    },
    'incident-stage': async ({ incidentId, stage, outcome, at, ...rest }, asker) => {
      await manage(flows, incidentId, { type: 'settle', stage, outcome, atMs: at === undefined ? asker.now.getTime() : Date.parse(at), ...rest }, asker);
      return whole(flows, incidentId, asker);
    },
    'incident-draft': (args, asker) => draft(flows, args, asker),
    'incident-draft-show': async ({ incidentId, stage, version }, asker) => {
      authorise(asker, 'incident.read', {});
      await known(flows, incidentId);
      return draftOf(await incidents.draft(incidentId, stage, version));
    },
    'incident-close': async ({ incidentId, reason }, asker) => {
      await manage(flows, incidentId, { type: 'close', reason }, asker);
      return {};
    },
    'incident-reopen': async ({ incidentId, reason }, asker) => {
      await manage(flows, incidentId, { type: 'reopen', reason }, asker);
      return {};
    },
  };
}

const becauseOf = ({ cause, origin, now, command, checkFresh }: Asker): Because => ({ cause, origin, now, command, along: async () => checkFresh() });

function paged<T extends { readonly incidentId: string }>(rows: readonly T[], limit: number): { incidents: T[]; next?: string } {
  const incidents = rows.slice(0, limit);
  return { incidents, ...(rows.length > limit ? { next: incidents.at(-1)!.incidentId } : {}) };
}

/** Throws INCIDENT_UNKNOWN. */
async function known({ incidents }: IncidentFlows, incidentId: string): Promise<Whole['incident']> {
  const incident = await incidents.find(incidentId);
  if (incident === undefined) throw new RetentionFault('INCIDENT_UNKNOWN', 'there is no such incident', { field: 'incidentId' });
  return incident;
}

async function whole(flows: IncidentFlows, incidentId: string, { now }: Asker): Promise<Whole> {
  return { incident: await known(flows, incidentId), stages: await flows.incidents.stages(incidentId, now) };
}

async function manage(flows: IncidentFlows, incidentId: string, change: IncidentChange, asker: Asker, beside?: Parameters<typeof changeIncident>[4]): ReturnType<typeof changeIncident> {
  authorise(asker, 'incident.manage', {});
  return changeIncident(flows, incidentId, change, becauseOf(asker), beside);
}

async function open(flows: IncidentFlows, { kind, severity, summary, detectedAt, awareAt, assessment, tenants = [] }: RetentionArgs<'incident-open'>, asker: Asker): Promise<Whole> {
  authorise(asker, 'incident.report', {});
  const told = Object.fromEntries(Object.entries(assessment ?? {}).filter(([, value]) => value !== undefined));
  const awareAtMs = awareAt === undefined ? asker.now.getTime() : Date.parse(awareAt);
  const facts = {
    kind, severity, summary, tenants, awareAtMs,
    source: { type: asker.view.kind === 'person' ? 'person' : 'api' },
    detectedAtMs: detectedAt === undefined ? awareAtMs : Date.parse(detectedAt),
    assessment: { ...UNASSESSED, ...told },
    timeZone: flows.timeZone,
  } as const;
  return whole(flows, await openIncident(flows, facts, becauseOf(asker), idFor(asker, 'incident', flows.newId)), asker);
}

async function affected(flows: IncidentFlows, { incidentId, tenant, after = '', limit }: RetentionArgs<'incident-affected'>, asker: Asker): Promise<RetentionResult<'incident-affected'>> {
  authorise(asker, 'incident.read', {});
  await known(flows, incidentId);
  const { incidents } = flows;
  if (tenant === undefined) {
    const tenants = await incidents.tenants(incidentId, after, limit + 1);
    return { tenants: tenants.slice(0, limit), ...(tenants.length > limit ? { next: tenants[limit - 1]!.tenant } : {}) };
  }
  const subjects = await incidents.subjects(incidentId, tenant, after, limit + 1);
  return { subjects: subjects.slice(0, limit), ...(subjects.length > limit ? { next: subjects[limit - 1]! } : {}) };
}

/** The ledger has how many were named and a digest of them: who they are lies in the tables alone. */
async function affect(flows: IncidentFlows, { incidentId, tenants, subjects }: RetentionArgs<'incident-affect'>, asker: Asker): Promise<Record<string, never>> {
  const named = subjects === undefined ? undefined : [...new Set(subjects)].sort();
  const change: IncidentChange = { type: 'affect', tenants, subjects: named && { count: named.length, digest: hash('sha256', named.join('\n')) } };
  await manage(flows, incidentId, change, asker, async (client) => {
    if (named === undefined) return;
    const count = await insertSubjects(client, incidentId, tenants[0]!, named);
    if (count > AFFECTED_SUBJECTS_MAX) throw new RetentionFault('INCIDENT_TOO_LARGE', `an incident names at most ${AFFECTED_SUBJECTS_MAX} persons`);
  });
  return {};
}

/** Of the facts on record, or as somebody has worded it. */
async function draft(flows: IncidentFlows, { incidentId, stage, tenant, text }: RetentionArgs<'incident-draft'>, asker: Asker): Promise<RetentionResult<'incident-draft'>> {
  authorise(asker, 'incident.manage', {});
  const { incident, stages } = await whole(flows, incidentId, asker);
  const organization = tenant === undefined ? undefined : { name: tenant, subjects: (await flows.incidents.subjectsOf(incidentId, tenant)) ?? 0 };
  const notice = text === undefined ? noticeOf({ incident, stages, stage, organization }) : worded(text);
  const digest = hash('sha256', notice.text);
  const by = asker.view.userId;
  const [event] = await manage(flows, incidentId, { type: 'draft', stage, tenant, digest, isWorded: text !== undefined, openPlaces: notice.openPlaces, by }, asker, async (client, [drafted]) => {
    await client.query(
      'INSERT INTO incident_drafts (incident_id, stage, version, tenant, text, digest, open_places, made_by, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
      [incidentId, stage, drafted!.data!['version'], tenant ?? null, notice.text, digest, notice.openPlaces, by, asker.now],
    );
  });
  // Asked again under its command id, it is what was drafted then.
  return draftOf(await flows.incidents.draft(incidentId, stage, event!.data!['version'] as number));
}

function draftOf(found: Draft | undefined): Draft {
  if (found === undefined) throw new RetentionFault('DRAFT_UNKNOWN', 'there is no such version of the notice', { field: 'version' });
  return found;
}
