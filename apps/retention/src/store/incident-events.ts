import { OPEN_INCIDENTS_MAX } from '@countersign/contracts';
import type { RecordedEvent } from '@countersign/event-store';
import type { PoolClient } from '@countersign/postgres';
import { RetentionFault } from '../domain/retention-fault.js';

type Facts = Readonly<Record<string, unknown>>;

/** An incident of that key is open. */
export class IncidentOpen extends Error {}
/** The alert belongs to an incident already. */
export class AlertKnown extends Error {}

const UNIQUE_VIOLATION = '23505';

/** What events say about an incident, in the transaction that stores them. Throws IncidentOpen when its key has an open one already. */
export async function applyIncidentEvents(client: PoolClient, incidentId: string, home: string, events: readonly RecordedEvent[]): Promise<void> {
  for (const { type, data = {}, time, version } of events) {
    const what = type.slice('retention.incident.'.length);
    const facts = data as Facts;
    await (APPLY[what] ?? nothing)(client, incidentId, facts, time);
    if (facts['stages'] !== undefined) await putStages(client, incidentId, facts['stages'], what === 'assessed' && facts['awareAt'] !== undefined);
    await tell(client, { incidentId, home, what, facts, version });
    if (what === 'cleared') await removeTenants(client, incidentId, facts['tenants']);
  }
}

type Apply = (client: PoolClient, incidentId: string, facts: Facts, time: string) => Promise<unknown>;
const nothing: Apply = async () => undefined;

const APPLY: Readonly<Record<string, Apply>> = {
  opened: async (client, incidentId, facts, time) => {
    const { kind, severity, summary, source, detectedAt, awareAt, assessment, key, alert, tenants } = facts;
    const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM incidents WHERE closed_at IS NULL');
    if (Number(rows[0]!.count) >= OPEN_INCIDENTS_MAX) throw new RetentionFault('INCIDENTS_TOO_MANY', `${OPEN_INCIDENTS_MAX} incidents are open`);
    try {
      await client.query(
        'INSERT INTO incidents (incident_id, kind, severity, summary, source, detected_at, aware_at, assessment, opened_at, key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
        [incidentId, kind, severity, summary, source, detectedAt, awareAt, assessment, time, key ?? null],
      );
    } catch (error) {
      if ((error as { code?: string }).code === UNIQUE_VIOLATION) throw new IncidentOpen('there is an open one', { cause: error });
      throw error;
    }
    await addTenants(client, incidentId, tenants, time);
    if (alert !== undefined) await insertAlert(client, incidentId, alert as Facts);
  },
  assessed: async (client, incidentId, { kind, severity, summary, awareAt, detectedAt, assessment }) => {
    await client.query(
      'UPDATE incidents SET kind = coalesce($2, kind), severity = coalesce($3, severity), summary = coalesce($4, summary), aware_at = coalesce($5, aware_at), detected_at = coalesce($6, detected_at), assessment = $7 WHERE incident_id = $1',
      [incidentId, kind ?? null, severity ?? null, summary ?? null, awareAt ?? null, detectedAt ?? null, assessment],
    );
  },
  affected: (client, incidentId, { tenants }, time) => addTenants(client, incidentId, tenants, time),
  'stage-done': settleStage,
  'stage-waived': settleStage,
  'alert-added': (client, incidentId, facts) => insertAlert(client, incidentId, facts),
  'alert-resolved': (client, _incidentId, { fingerprint, startsAt, endsAt }) => resolveAlert(client, fingerprint, startsAt, endsAt),
  'stage-near': putAlerts,
  'stage-missed': putAlerts,
  closed: (client, incidentId, _facts, time) => client.query('UPDATE incidents SET closed_at = $2 WHERE incident_id = $1', [incidentId, time]),
  // What has come of the same meanwhile has an incident of its own, which goes on taking it.
  reopened: (client, incidentId) =>
    client.query('UPDATE incidents i SET closed_at = NULL, key = CASE WHEN EXISTS (SELECT FROM incidents o WHERE o.key = i.key AND o.closed_at IS NULL AND o.incident_id <> $1) THEN NULL ELSE i.key END WHERE i.incident_id = $1', [incidentId]),
};

async function addTenants(client: PoolClient, incidentId: string, tenants: unknown, time: string): Promise<void> {
  await client.query('INSERT INTO incident_tenants (incident_id, tenant, since) SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING', [incidentId, tenants, time]);
}

async function removeTenants(client: PoolClient, incidentId: string, tenants: unknown): Promise<void> {
  await client.query(
    `WITH gone AS (DELETE FROM incident_tenants WHERE incident_id = $1 AND tenant = ANY($2::text[]) RETURNING subjects)
     UPDATE incidents SET subjects = subjects - (SELECT coalesce(sum(subjects), 0) FROM gone) WHERE incident_id = $1`,
    [incidentId, tenants],
  );
}

/** Throws AlertKnown: it has come before. */
export async function insertAlert(client: Pick<PoolClient, 'query'>, incidentId: string, { fingerprint, name, startsAt }: Facts): Promise<void> {
  const { rowCount } = await client.query('INSERT INTO incident_alerts (fingerprint, starts_at, incident_id, name) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING', [fingerprint, startsAt, incidentId, name]);
  if (rowCount === 0) throw new AlertKnown('the alert has come before');
}

export async function resolveAlert(client: Pick<PoolClient, 'query'>, fingerprint: unknown, startsAt: unknown, endsAt: unknown): Promise<void> {
  await client.query('UPDATE incident_alerts SET resolved_at = $3 WHERE fingerprint = $1 AND starts_at = $2 AND resolved_at IS NULL', [fingerprint, startsAt, endsAt]);
}

async function settleStage(client: PoolClient, incidentId: string, { stage, at, isLate, sentTo, reference, reason, version }: Facts): Promise<void> {
  await client.query(
    'UPDATE incident_stages SET settled_at = $3, is_late = $4, sent_to = $5, reference = $6, reason = $7, version = $8 WHERE incident_id = $1 AND stage = $2',
    [incidentId, stage, at, isLate, sentTo ?? null, reference ?? null, reason ?? null, version ?? null],
  );
}

async function putAlerts(client: PoolClient, incidentId: string, { stage, alerts }: Facts): Promise<void> {
  await client.query('UPDATE incident_stages SET alerts = $3 WHERE incident_id = $1 AND stage = $2', [incidentId, stage, alerts]);
}

/** As the event has judged them; what is open is not settled, also when a waiver has fallen. */
async function putStages(client: PoolClient, incidentId: string, stages: unknown, isAnew: boolean): Promise<void> {
  await client.query(
    `INSERT INTO incident_stages (incident_id, stage, state, because, due_at)
     SELECT $1, s.stage, s.state, s.because, s."dueAt" FROM jsonb_to_recordset($2::jsonb) AS s (stage text, state text, because text, "dueAt" timestamptz)
     ON CONFLICT (incident_id, stage) DO UPDATE SET state = EXCLUDED.state, because = EXCLUDED.because, due_at = EXCLUDED.due_at, alerts = CASE WHEN $3 THEN 0 ELSE incident_stages.alerts END`,
    [incidentId, JSON.stringify(stages), isAnew],
  );
  await client.query(`UPDATE incident_stages SET settled_at = NULL, is_late = false, sent_to = NULL, reference = NULL, reason = NULL, version = NULL WHERE incident_id = $1 AND state IN ('open', 'not-owed') AND settled_at IS NOT NULL`, [incidentId]);
}

interface News {
  readonly incidentId: string;
  /** The installation's own ledger, which has the incident itself. */
  readonly home: string;
  readonly what: string;
  readonly facts: Facts;
  readonly version: number;
}

/** Writes down what affected organisations are to be told, each about itself alone. */
async function tell(client: PoolClient, { incidentId, home, what, facts, version }: News): Promise<void> {
  const told = NEWS[what]?.(facts);
  if (told === undefined) return;
  const only = what === 'affected' || what === 'cleared' ? facts['tenants'] : null;
  await client.query(
    `INSERT INTO incident_news (incident_id, tenant, version, type, severity, data)
     SELECT i.incident_id, t.tenant, $2, $3, $4, CASE WHEN $5 THEN jsonb_build_object('kind', i.kind, 'severity', i.severity, 'detectedAt', to_char(i.detected_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'awareAt', to_char(i.aware_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ELSE $6::jsonb END
     FROM incidents i JOIN incident_tenants t USING (incident_id) WHERE i.incident_id = $1 AND t.tenant <> $7 AND ($8::text[] IS NULL OR t.tenant = ANY($8)) ORDER BY t.tenant`,
    [incidentId, version, `retention.incident-notice.${told.as}`, told.severity, told.isWhole, JSON.stringify(told.data ?? {}), home, only],
  );
}

interface Told {
  readonly as: string;
  readonly severity: 'notice' | 'warning';
  /** What the incident is, and since when it is known. */
  readonly isWhole: boolean;
  readonly data?: object;
}

const NEWS: Readonly<Record<string, (facts: Facts) => Told | undefined>> = {
  opened: () => ({ as: 'affected', severity: 'warning', isWhole: true }),
  affected: () => ({ as: 'affected', severity: 'warning', isWhole: true }),
  assessed: ({ kind, severity, awareAt }) => (kind ?? severity ?? awareAt) === undefined ? undefined : { as: 'changed', severity: 'notice', isWhole: true },
  cleared: () => ({ as: 'cleared', severity: 'notice', isWhole: false }),
  // That they were written to; to which authority something was sent is nothing of theirs.
  'stage-done': ({ stage, at }) => (stage === 'organizations' ? { as: 'informed', severity: 'notice', isWhole: false, data: { at } } : undefined),
  closed: () => ({ as: 'closed', severity: 'notice', isWhole: false }),
  reopened: () => ({ as: 'reopened', severity: 'warning', isWhole: false }),
};
