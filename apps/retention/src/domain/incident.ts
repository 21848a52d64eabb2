import type { JsonObject } from '@countersign/chain';
import { AFFECTED_TENANTS_MAX, DRAFTS_MAX, type IncidentAssessment, type IncidentKind, type IncidentSeverity, type IncidentStageName, type IncidentView } from '@countersign/contracts';
import { defineAggregate, from, type AskedFrom, type DomainEvent } from '@countersign/event-store';
import { stagesOf, type JudgedStage, type Settled } from './incident-stages.js';
import { jsonOf } from './json-of.js';
import { RetentionFault } from './retention-fault.js';

/** A security incident. Undefined: it was never opened. */
export interface Incident {
  readonly kind: IncidentKind;
  readonly severity: IncidentSeverity;
  readonly awareAtMs: number;
  readonly detectedAtMs: number;
  readonly assessment: IncidentAssessment;
  readonly timeZone: string;
  readonly tenants: ReadonlySet<string>;
  readonly settled: Readonly<Partial<Record<IncidentStageName, Settled>>>;
  /** How many alerts of each stage were given. */
  readonly alerts: Readonly<Partial<Record<IncidentStageName, number>>>;
  /** How many alerts of an Alertmanager belong to it. */
  readonly attached: number;
  readonly drafts: Readonly<Partial<Record<IncidentStageName, number>>>;
  readonly isClosed: boolean;
}

export interface AlertFacts {
  readonly fingerprint: string;
  readonly name: string;
  readonly startsAt: string;
}

export interface OpenFacts {
  readonly kind: IncidentKind;
  readonly severity: IncidentSeverity;
  readonly summary: string;
  readonly source: IncidentView['source'];
  readonly detectedAtMs: number;
  readonly awareAtMs: number;
  readonly assessment: IncidentAssessment;
  readonly tenants: readonly string[];
  readonly timeZone: string;
  /** Of alerts: the open incident of this key takes them. */
  readonly key?: string | undefined;
  readonly alert?: AlertFacts | undefined;
}

type Change =
  | ({ readonly type: 'open' } & OpenFacts)
  | { readonly type: 'assess'; readonly kind?: IncidentKind | undefined; readonly severity?: IncidentSeverity | undefined; readonly summary?: string | undefined; readonly awareAtMs?: number | undefined; readonly assessment?: { readonly [K in keyof IncidentAssessment]?: IncidentAssessment[K] | undefined } | undefined; readonly reason: string }
  | { readonly type: 'affect'; readonly tenants: readonly string[]; readonly subjects?: { readonly count: number; readonly digest: string } | undefined }
  | { readonly type: 'clear'; readonly tenants: readonly string[]; readonly reason: string }
  | { readonly type: 'settle'; readonly stage: IncidentStageName; readonly outcome: 'done' | 'waived'; readonly atMs: number; readonly sentTo?: string | undefined; readonly reference?: string | undefined; readonly reason?: string | undefined; readonly version?: number | undefined }
  | { readonly type: 'draft'; readonly stage: IncidentStageName; readonly tenant?: string | undefined; readonly digest: string; readonly isWorded: boolean; readonly openPlaces: number; readonly by: string }
  | { readonly type: 'add-alert'; readonly alert: AlertFacts }
  | { readonly type: 'resolve-alert'; readonly alert: AlertFacts; readonly endsAt: string }
  | { readonly type: 'warn'; readonly stage: IncidentStageName; readonly alerts: number }
  | { readonly type: 'close'; readonly reason: string }
  | { readonly type: 'reopen'; readonly reason: string };

export type IncidentCommand = Change & { readonly incidentId: string; readonly nowMs: number; readonly origin: AskedFrom | undefined };
export type IncidentChange = Change;

interface IncidentEvent extends DomainEvent {
  readonly data: JsonObject;
}

/** Alerts of one incident that are on record one by one; of more the rows count. */
const ALERTS_RECORDED_MAX = 100;

export const incidentAggregate = defineAggregate<Incident | undefined, IncidentCommand, IncidentEvent>({
  name: 'incident',
  initialState: undefined,
  decide: (command, incident) => decide(command, incident).map((event) => from(command.origin, { ...event, resource: { type: 'incident', id: command.incidentId } })),
  evolve,
});

const iso = (ms: number): string => new Date(ms).toISOString();
const happened = (what: string, data: object, severity: NonNullable<DomainEvent['severity']> = 'notice'): IncidentEvent => ({ type: `retention.incident.${what}`, data: jsonOf(data), severity });
const shown = ({ stage, state, because, dueAtMs }: JudgedStage): JsonObject => ({ stage, state, because, dueAt: iso(dueAtMs) });
const judged = (incident: Incident): JsonObject[] => stagesOf({ ...incident, tenants: incident.tenants.size }).map(shown);

/** What follows for the stages is part of what is on record: they are judged as the incident is after the event. */
function withStages(incident: Incident, event: IncidentEvent): IncidentEvent {
  return { ...event, data: { ...event.data, stages: judged(evolve(incident, event)!) } };
}

function decide(command: IncidentCommand, incident: Incident | undefined): readonly IncidentEvent[] {
  if (command.type === 'open') return open(command, incident);
  if (incident === undefined) throw new RetentionFault('INCIDENT_UNKNOWN', 'there is no such incident', { field: 'incidentId' });
  if (command.type === 'reopen') {
    if (!incident.isClosed) throw new RetentionFault('INCIDENT_NOT_CLOSED', 'the incident is open');
    return [withStages(incident, happened('reopened', { reason: command.reason }, 'warning'))];
  }
  // What an alert or the clock says after the end changes nothing, and is said without anybody asking.
  if (command.type === 'warn' && incident.isClosed) return [];
  if (command.type === 'resolve-alert') return incident.attached > ALERTS_RECORDED_MAX ? [] : [happened('alert-resolved', { ...command.alert, endsAt: command.endsAt })];
  if (incident.isClosed) throw new RetentionFault('INCIDENT_CLOSED', 'the incident is closed: reopen it first');
  switch (command.type) {
    case 'assess':
      return [assess(command, incident)];
    case 'affect':
      return affect(command, incident);
    case 'clear': {
      const cleared = command.tenants.filter((tenant) => incident.tenants.has(tenant));
      return cleared.length === 0 ? [] : [withStages(incident, happened('cleared', { tenants: cleared, reason: command.reason }, 'warning'))];
    }
    case 'settle':
      return [settle(command, incident)];
    case 'draft':
      return [draft(command, incident)];
    case 'add-alert':
      return incident.attached >= ALERTS_RECORDED_MAX ? [] : [happened('alert-added', command.alert)];
    case 'warn':
      return warn(command, incident);
    case 'close':
      return [close(command.reason, incident)];
  }
}

function open(command: Extract<IncidentCommand, { type: 'open' }>, incident: Incident | undefined): readonly IncidentEvent[] {
  if (incident !== undefined) throw new RetentionFault('CONFLICT', 'there is such an incident already');
  const { kind, severity, summary, source, detectedAtMs, awareAtMs, assessment, tenants, timeZone, key, alert, nowMs } = command;
  requirePast(detectedAtMs, nowMs, 'detectedAt');
  requirePast(awareAtMs, nowMs, 'awareAt');
  if (awareAtMs < detectedAtMs) throw new RetentionFault('REQUEST_MALFORMED', 'nobody knew before it was detected', { field: 'awareAt' });
  const facts = { kind, severity, summary, source, detectedAt: iso(detectedAtMs), awareAt: iso(awareAtMs), assessment, timeZone, tenants: [...new Set(tenants)], ...(key === undefined ? {} : { key }), ...(alert === undefined ? {} : { alert }) };
  const event = happened('opened', facts, severity === 'low' ? 'warning' : 'alert');
  return [{ ...event, data: { ...event.data, stages: judged(evolve(undefined, event)!) } }];
}

function requirePast(ms: number, nowMs: number, field: string): void {
  if (ms > nowMs) throw new RetentionFault('REQUEST_MALFORMED', 'it has not happened yet', { field });
}

function assess({ kind, severity, summary, awareAtMs, assessment, reason, nowMs }: Extract<IncidentCommand, { type: 'assess' }>, incident: Incident): IncidentEvent {
  if (awareAtMs !== undefined) requirePast(awareAtMs, nowMs, 'awareAt');
  // Somebody knew before the alert came: that was when it was detected.
  const detectedAt = awareAtMs === undefined || awareAtMs >= incident.detectedAtMs ? undefined : iso(awareAtMs);
  const told = Object.fromEntries(Object.entries(assessment ?? {}).filter(([, value]) => value !== undefined));
  const changed = { kind, severity, summary, awareAt: awareAtMs === undefined ? undefined : iso(awareAtMs), detectedAt, assessment: { ...incident.assessment, ...told }, reason };
  return withStages(incident, happened('assessed', changed, 'warning'));
}

/** Persons are of the one organisation that is named with them. */
function affect({ tenants, subjects }: Extract<IncidentCommand, { type: 'affect' }>, incident: Incident): readonly IncidentEvent[] {
  const fresh = [...new Set(tenants)].filter((tenant) => !incident.tenants.has(tenant));
  if (incident.tenants.size + fresh.length > AFFECTED_TENANTS_MAX) throw new RetentionFault('INCIDENT_TOO_LARGE', `an incident affects at most ${AFFECTED_TENANTS_MAX} organisations`);
  const added = fresh.length === 0 ? [] : [withStages(incident, happened('affected', { tenants: fresh }, 'warning'))];
  if (subjects === undefined) return added;
  const after = added.reduce<Incident>((before, event) => evolve(before, event)!, incident);
  return [...added, withStages(after, happened('subjects-added', { tenant: tenants[0], ...subjects }))];
}

function settle(command: Extract<IncidentCommand, { type: 'settle' }>, incident: Incident): IncidentEvent {
  const { stage, outcome, atMs, sentTo, reference, reason, version, nowMs } = command;
  const judgedStage = stagesOf({ ...incident, tenants: incident.tenants.size }).find((one) => one.stage === stage)!;
  if (judgedStage.state !== 'open') throw new RetentionFault('STAGE_NOT_OPEN', `the stage is ${judgedStage.state}`, { field: 'stage' });
  requirePast(atMs, nowMs, 'at');
  if (atMs < incident.detectedAtMs) throw new RetentionFault('REQUEST_MALFORMED', 'the incident had not been detected then', { field: 'at' });
  if (version !== undefined && version > (incident.drafts[stage] ?? 0)) throw new RetentionFault('DRAFT_UNKNOWN', 'there is no such version of the notice', { field: 'version' });
  const isLate = outcome === 'done' && atMs >= judgedStage.dueAtMs;
  if (outcome === 'waived' && reason === undefined) throw new RetentionFault('STAGE_REASON_MISSING', 'why is it not sent?', { field: 'reason' });
  if (isLate && reason === undefined) throw new RetentionFault('STAGE_REASON_MISSING', 'why was it late?', { field: 'reason' });
  if (outcome === 'done' && sentTo === undefined) throw new RetentionFault('REQUEST_MALFORMED', 'to whom was it sent?', { field: 'sentTo' });
  return withStages(incident, happened(outcome === 'done' ? 'stage-done' : 'stage-waived', { stage, at: iso(atMs), isLate, sentTo, reference, reason, version }, outcome === 'waived' || isLate ? 'warning' : 'notice'));
}

function draft({ stage, tenant, digest, isWorded, openPlaces, by }: Extract<IncidentCommand, { type: 'draft' }>, incident: Incident): IncidentEvent {
  const all = Object.values(incident.drafts).reduce((sum, count) => sum + count, 0);
  if (all >= DRAFTS_MAX) throw new RetentionFault('INCIDENT_TOO_LARGE', `an incident has at most ${DRAFTS_MAX} versions of notices`);
  if (tenant !== undefined && !incident.tenants.has(tenant)) throw new RetentionFault('REQUEST_MALFORMED', 'the organisation is not affected', { field: 'tenant' });
  return happened('drafted', { stage, tenant, version: (incident.drafts[stage] ?? 0) + 1, digest, isWorded, openPlaces, by });
}

function warn({ stage, alerts, nowMs }: Extract<IncidentCommand, { type: 'warn' }>, incident: Incident): readonly IncidentEvent[] {
  const { state, dueAtMs } = stagesOf({ ...incident, tenants: incident.tenants.size }).find((one) => one.stage === stage)!;
  if (state !== 'open' || alerts <= (incident.alerts[stage] ?? 0)) return [];
  const isMissed = nowMs >= dueAtMs;
  return [happened(isMissed ? 'stage-missed' : 'stage-near', { stage, alerts, dueAt: iso(dueAtMs) }, isMissed ? 'alert' : 'warning')];
}

function close(reason: string, incident: Incident): IncidentEvent {
  const open = stagesOf({ ...incident, tenants: incident.tenants.size }).filter(({ state }) => state === 'open');
  if (open.length > 0) throw new RetentionFault('INCIDENT_STAGES_OPEN', `still open: ${open.map(({ stage }) => stage).join(', ')}`);
  return happened('closed', { reason }, 'warning');
}

type Facts = Readonly<Record<string, never>> & { readonly stage: IncidentStageName; readonly tenants: readonly string[]; readonly assessment: IncidentAssessment; readonly kind?: IncidentKind; readonly severity?: IncidentSeverity; readonly awareAt?: string; readonly detectedAt?: string; readonly timeZone: string; readonly at: string; readonly isLate: boolean; readonly alerts: number; readonly version: number; readonly alert?: unknown };

function evolve(incident: Incident | undefined, { type, data }: Pick<IncidentEvent, 'type' | 'data'>): Incident | undefined {
  const what = type.slice('retention.incident.'.length);
  const facts = data as unknown as Facts;
  if (what === 'opened') {
    const { kind, severity, awareAt, detectedAt, assessment, timeZone, tenants, alert } = facts;
    return { kind: kind!, severity: severity!, awareAtMs: Date.parse(awareAt!), detectedAtMs: Date.parse(detectedAt!), assessment, timeZone, tenants: new Set(tenants), settled: {}, alerts: {}, attached: alert === undefined ? 0 : 1, drafts: {}, isClosed: false };
  }
  if (incident === undefined) return undefined;
  switch (what) {
    case 'assessed':
      return reassessed(incident, facts);
    case 'affected':
      return { ...incident, tenants: new Set([...incident.tenants, ...facts.tenants]), settled: owedAgain(incident, 'organizations') };
    case 'subjects-added':
      return { ...incident, settled: owedAgain(incident, 'subjects') };
    case 'cleared':
      return { ...incident, tenants: new Set([...incident.tenants].filter((tenant) => !facts.tenants.includes(tenant))) };
    case 'stage-done':
    case 'stage-waived':
      return { ...incident, settled: { ...incident.settled, [facts.stage]: { state: what === 'stage-done' ? 'done' : 'waived', atMs: Date.parse(facts.at), isLate: facts.isLate } } };
    case 'drafted':
      return { ...incident, drafts: { ...incident.drafts, [facts.stage]: facts.version } };
    case 'alert-added':
      return { ...incident, attached: incident.attached + 1 };
    case 'stage-near':
    case 'stage-missed':
      return { ...incident, alerts: { ...incident.alerts, [facts.stage]: facts.alerts } };
    case 'closed':
      return { ...incident, isClosed: true };
    case 'reopened':
      return { ...incident, isClosed: false };
    default:
      return incident;
  }
}

/** Whoever is found to be affected later has not been told yet. */
function owedAgain({ settled }: Incident, stage: IncidentStageName): Incident['settled'] {
  const { [stage]: _told, ...rest } = settled;
  return rest;
}

/** A waiver counts under the assessment under which it was given; clocks that start anew are warned of anew. */
function reassessed(incident: Incident, { kind, severity, awareAt, detectedAt, assessment }: Facts): Incident {
  const isSame = (['significant', 'personalData', 'risk'] as const).every((fact) => incident.assessment[fact] === assessment[fact]);
  const settled = isSame ? incident.settled : Object.fromEntries(Object.entries(incident.settled).filter(([, { state }]) => state === 'done'));
  const alerts = awareAt === undefined ? incident.alerts : {};
  return { ...incident, kind: kind ?? incident.kind, severity: severity ?? incident.severity, assessment, settled, alerts, awareAtMs: awareAt === undefined ? incident.awareAtMs : Date.parse(awareAt), detectedAtMs: detectedAt === undefined ? incident.detectedAtMs : Date.parse(detectedAt) };
}
