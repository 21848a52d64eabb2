import { hash } from 'node:crypto';
import type { IncidentAlert, RetentionArgs, RetentionResult } from '@countersign/contracts';
import type { OpenFacts } from '../domain/incident.js';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Because } from '../requests/because.js';
import { AlertKnown, IncidentOpen, insertAlert, resolveAlert } from '../store/incident-events.js';
import { changeIncident, type IncidentFlows } from './incident-store.js';

/** Nothing is known yet: every stage counts as owed. */
export const UNASSESSED = { significant: 'unknown', personalData: 'unknown', risk: 'unknown' } as const;

/** What the same alert of the same organisation is known by: a burst of it is one incident. */
export const keyOf = (...parts: readonly string[]): string => hash('sha256', JSON.stringify(parts), 'base64url');

/** Each alert once, by its labels and when it began; those that are resolved are recorded, and close nothing. */
export async function takeAlerts(flows: IncidentFlows, { alerts }: RetentionArgs<'incident-alerts'>, because: Because): Promise<RetentionResult<'incident-alerts'>> {
  const found = new Set<string>();
  for (const alert of alerts) {
    const incidentId = alert.status === 'firing' ? await take(flows, alert, because) : await resolve(flows, alert, because);
    if (incidentId !== undefined) found.add(incidentId);
  }
  return { incidents: [...found] };
}

async function take(flows: IncidentFlows, alert: IncidentAlert, because: Because): Promise<string> {
  const { fingerprint, name, startsAt, kind, severity, tenant } = alert;
  // What a verdict says by itself is said by an alert too.
  const key = kind === 'ledger-integrity' && tenant !== undefined ? keyOf('ledger', tenant) : keyOf('alert', name, kind, tenant ?? '');
  const nowMs = because.now.getTime();
  const facts: OpenFacts = {
    kind, severity, key,
    summary: `alert ${name}${tenant === undefined ? '' : ` of ${tenant}`}`,
    source: { type: 'alert', name, fingerprint },
    // A clock that goes ahead elsewhere must not make this one refuse it.
    detectedAtMs: Math.min(Date.parse(startsAt), nowMs),
    awareAtMs: nowMs,
    assessment: UNASSESSED,
    tenants: tenant === undefined ? [] : [tenant],
    timeZone: flows.timeZone,
    alert: { fingerprint, name, startsAt },
  };
  for (;;) {
    const known = await flows.incidents.alert(fingerprint, startsAt);
    if (known !== undefined) return known.incident_id;
    const incidentId = await openOrAttach(flows, facts, because);
    if (incidentId !== undefined) return incidentId;
  }
}

/** Undefined: another one was faster; look again. */
async function openOrAttach(flows: IncidentFlows, facts: OpenFacts, because: Because): Promise<string | undefined> {
  const open = await flows.incidents.openOf(facts.key!);
  try {
    if (open === undefined) return await openIncident(flows, facts, because);
    const events = await changeIncident(flows, open, { type: 'add-alert', alert: facts.alert! }, because);
    // Over the number that is on record one by one: the row alone says that it has come.
    if (events.length === 0) await insertAlert(flows.incidents.pool, open, { ...facts.alert! });
    return open;
  } catch (error) {
    if (error instanceof IncidentOpen || error instanceof AlertKnown || (error instanceof RetentionFault && error.code === 'INCIDENT_CLOSED')) return undefined;
    throw error;
  }
}

/** Throws IncidentOpen when there is an open one of its key. */
export async function openIncident(flows: IncidentFlows, facts: OpenFacts, because: Because, incidentId = flows.newId()): Promise<string> {
  await changeIncident(flows, incidentId, { type: 'open', ...facts }, because);
  return incidentId;
}

/** Undefined: it opened none. */
async function resolve(flows: IncidentFlows, { fingerprint, name, startsAt, endsAt }: IncidentAlert, because: Because): Promise<string | undefined> {
  const known = await flows.incidents.alert(fingerprint, startsAt);
  if (known === undefined || known.resolved_at !== null) return known?.incident_id;
  const at = endsAt ?? because.now.toISOString();
  const events = await changeIncident(flows, known.incident_id, { type: 'resolve-alert', alert: { fingerprint, name, startsAt }, endsAt: at }, because);
  if (events.length === 0) await resolveAlert(flows.incidents.pool, fingerprint, startsAt, at);
  return known.incident_id;
}
