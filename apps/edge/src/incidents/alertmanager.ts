import { ALERTS_AT_ONCE_MAX, INCIDENT_KINDS, INCIDENT_SEVERITIES, tenantSchema, type IncidentAlert, type IncidentKind, type IncidentSeverity } from '@countersign/contracts';
import { z } from 'zod';

/** What an Alertmanager sends to a webhook (prometheus.io, "webhook_config", version 4). */

/** Only alerts with it are incidents; its value is the kind of incident. */
const KIND_LABEL = 'countersign_incident';
const NAME_LABEL = 'alertname';
const SEVERITY_LABEL = 'severity';
const TENANT_LABEL = 'tenant';

const texts = z.record(z.string(), z.string());
/** RFC 3339 with an offset, as Go writes it. */
const goTime = z.iso.datetime({ offset: true });

/** What a later Alertmanager adds is let through and not read. */
const alertSchema = z.looseObject({ status: z.enum(['firing', 'resolved']), labels: texts, annotations: texts.optional(), startsAt: goTime, endsAt: goTime.optional(), fingerprint: z.string().regex(/^[0-9a-f]{1,64}$/, 'must be a fingerprint') });
export const alertmanagerSchema = z.looseObject({
  version: z.literal('4'),
  groupKey: z.string(),
  status: z.enum(['firing', 'resolved']),
  receiver: z.string().optional(),
  truncatedAlerts: z.number().int().nonnegative().optional(),
  alerts: z.array(alertSchema),
}).meta({
  examples: [{
    version: '4', groupKey: '{}:{alertname="LedgerBroken"}', status: 'firing', receiver: 'countersign', truncatedAlerts: 0,
    alerts: [{ status: 'firing', labels: { alertname: 'LedgerBroken', countersign_incident: 'ledger-integrity', severity: 'critical' }, annotations: {}, startsAt: '2026-01-31T09:30:00Z', endsAt: '0001-01-01T00:00:00Z', fingerprint: 'c5b0e1a2d3f40516' }],
  }],
});
type Delivery = z.output<typeof alertmanagerSchema>;

/** Go's zero time: it has not ended. */
const NEVER_BEFORE_MS = Date.parse('0002-01-01T00:00:00Z');
const SEVERITIES: Readonly<Record<string, IncidentSeverity>> = { ...Object.fromEntries(INCIDENT_SEVERITIES.map((one) => [one, one])), page: 'critical', error: 'high', warning: 'medium', info: 'low' };
const NAME = /^[\w:.-]{1,100}$/;

/**
 * The alerts that are incidents, of one name and organisation the first few. Labels may hold anything: what is taken of them is what a pattern or a list knows,
 * and annotations, which people word, are not read.
 */
export function incidentAlerts({ alerts }: Delivery): IncidentAlert[] {
  return alerts.filter(({ labels }) => Object.hasOwn(labels, KIND_LABEL)).slice(0, ALERTS_AT_ONCE_MAX).map(incidentAlert);
}

function incidentAlert({ status, labels, startsAt, endsAt, fingerprint }: Delivery['alerts'][number]): IncidentAlert {
  const tenant = tenantSchema.safeParse(labels[TENANT_LABEL]).data;
  const ended = endsAt !== undefined && Date.parse(endsAt) > NEVER_BEFORE_MS;
  return {
    status, fingerprint,
    name: NAME.test(labels[NAME_LABEL] ?? '') ? labels[NAME_LABEL]! : 'unnamed',
    kind: kindOf(labels[KIND_LABEL]),
    severity: Object.hasOwn(SEVERITIES, labels[SEVERITY_LABEL] ?? '') ? SEVERITIES[labels[SEVERITY_LABEL]!]! : 'high',
    startsAt: new Date(startsAt).toISOString(),
    ...(status === 'resolved' && ended ? { endsAt: new Date(endsAt).toISOString() } : {}),
    ...(tenant === undefined ? {} : { tenant }),
  };
}

const kindOf = (label: string | undefined): IncidentKind => (INCIDENT_KINDS as readonly string[]).includes(label ?? '') ? (label as IncidentKind) : 'other';
