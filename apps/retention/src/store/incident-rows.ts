import type { IncidentAssessment, IncidentKind, IncidentSeverity, IncidentStageName, IncidentStageView, IncidentView, RetentionResult, StageState } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import { isOwnLimit, STAGE_LAWS } from '../domain/incident-stages.js';

interface IncidentRow {
  readonly incident_id: string;
  readonly kind: IncidentKind;
  readonly severity: IncidentSeverity;
  readonly summary: string;
  readonly source: IncidentView['source'];
  readonly detected_at: Date;
  readonly aware_at: Date;
  readonly assessment: IncidentAssessment;
  readonly opened_at: Date;
  readonly closed_at: Date | null;
  readonly subjects: string;
  readonly tenants: string;
  readonly next_due_at: Date | null;
}

interface StageRow {
  readonly incident_id: string;
  readonly stage: IncidentStageName;
  readonly state: StageState;
  readonly because: string;
  readonly due_at: Date;
  readonly settled_at: Date | null;
  readonly is_late: boolean;
  readonly sent_to: string | null;
  readonly reference: string | null;
  readonly reason: string | null;
  readonly version: number | null;
  readonly alerts: number;
}

interface DraftRow {
  readonly stage: IncidentStageName;
  readonly version: number;
  readonly tenant: string | null;
  readonly text: string;
  readonly digest: string;
  readonly open_places: number;
  readonly made_by: string;
  readonly made_at: Date;
}

/** A stage that is open, and how many of its alerts were given. */
export type OpenStage = Pick<StageRow, 'incident_id' | 'stage' | 'due_at' | 'alerts'>;
export type Draft = RetentionResult<'incident-draft-show'>;

const SQL = `SELECT i.incident_id, i.kind, i.severity, i.summary, i.source, i.detected_at, i.aware_at, i.assessment, i.opened_at, i.closed_at, i.subjects,
  (SELECT count(*) FROM incident_tenants t WHERE t.incident_id = i.incident_id) AS tenants,
  (SELECT min(s.due_at) FROM incident_stages s WHERE s.incident_id = i.incident_id AND s.state = 'open') AS next_due_at FROM incidents i`;
const DRAFT = 'SELECT stage, version, tenant, text, digest, open_places, made_by, made_at FROM incident_drafts WHERE incident_id = $1';
/** Of one incident, shown. */
const ALERTS_SHOWN_MAX = 200;

/** Incidents as they are now. */
export class IncidentRows {
  constructor(readonly pool: Pool) {}

  async find(incidentId: string): Promise<IncidentView | undefined> {
    const { rows } = await this.pool.query<IncidentRow>(`${SQL} WHERE i.incident_id = $1`, [incidentId]);
    return rows[0] && viewOf(rows[0]);
  }

  async page(isOpen: boolean, after: string, limit: number): Promise<IncidentView[]> {
    return (await this.pool.query<IncidentRow>(`${SQL} WHERE (i.closed_at IS NULL) = $1 AND i.incident_id > $2 ORDER BY i.incident_id LIMIT $3`, [isOpen, after, limit])).rows.map(viewOf);
  }

  /** In the order in which the law asks for them. */
  async stages(incidentId: string, now: Date): Promise<IncidentStageView[]> {
    const { rows } = await this.pool.query<StageRow>('SELECT * FROM incident_stages WHERE incident_id = $1', [incidentId]);
    return Object.keys(STAGE_LAWS).flatMap((stage) => rows.filter((row) => row.stage === stage).map((row) => stageOf(row, now)));
  }

  /** The open one that takes what is said of the same. */
  async openOf(key: string): Promise<string | undefined> {
    return (await this.pool.query<{ incident_id: string }>('SELECT incident_id FROM incidents WHERE key = $1 AND closed_at IS NULL', [key])).rows[0]?.incident_id;
  }

  async alert(fingerprint: string, startsAt: string): Promise<{ readonly incident_id: string; readonly resolved_at: Date | null } | undefined> {
    return (await this.pool.query<{ incident_id: string; resolved_at: Date | null }>('SELECT incident_id, resolved_at FROM incident_alerts WHERE fingerprint = $1 AND starts_at = $2', [fingerprint, startsAt])).rows[0];
  }

  async alerts(incidentId: string): Promise<RetentionResult<'incident-show'>['alerts']> {
    const { rows } = await this.pool.query<{ fingerprint: string; name: string; starts_at: Date; resolved_at: Date | null }>('SELECT fingerprint, name, starts_at, resolved_at FROM incident_alerts WHERE incident_id = $1 ORDER BY starts_at DESC LIMIT $2', [incidentId, ALERTS_SHOWN_MAX]);
    return rows.map(({ fingerprint, name, starts_at, resolved_at }) => ({ fingerprint, name, startsAt: starts_at.toISOString(), ...(resolved_at === null ? {} : { resolvedAt: resolved_at.toISOString() }) }));
  }

  /** Without their texts. */
  async drafts(incidentId: string): Promise<RetentionResult<'incident-show'>['drafts']> {
    const { rows } = await this.pool.query<DraftRow>(`${DRAFT} ORDER BY made_at, stage, version`, [incidentId]);
    return rows.map((row) => {
      const { text: _text, ...rest } = draftOf(row);
      return rest;
    });
  }

  async draft(incidentId: string, stage: IncidentStageName, version: number): Promise<Draft | undefined> {
    const { rows } = await this.pool.query<DraftRow>(`${DRAFT} AND stage = $2 AND version = $3`, [incidentId, stage, version]);
    return rows[0] && draftOf(rows[0]);
  }

  async tenants(incidentId: string, after: string, limit: number): Promise<{ tenant: string; since: string; subjects: number }[]> {
    const { rows } = await this.pool.query<{ tenant: string; since: Date; subjects: string }>('SELECT tenant, since, subjects FROM incident_tenants WHERE incident_id = $1 AND tenant > $2 ORDER BY tenant LIMIT $3', [incidentId, after, limit]);
    return rows.map(({ tenant, since, subjects }) => ({ tenant, since: since.toISOString(), subjects: Number(subjects) }));
  }

  async subjects(incidentId: string, tenant: string, after: string, limit: number): Promise<string[]> {
    return (await this.pool.query<{ subject: string }>('SELECT subject FROM incident_subjects WHERE incident_id = $1 AND tenant = $2 AND subject > $3 ORDER BY subject LIMIT $4', [incidentId, tenant, after, limit])).rows.map(({ subject }) => subject);
  }

  /** How many persons of an organisation it affects; undefined: the organisation is not. */
  async subjectsOf(incidentId: string, tenant: string): Promise<number | undefined> {
    const { rows } = await this.pool.query<{ subjects: string }>('SELECT subjects FROM incident_tenants WHERE incident_id = $1 AND tenant = $2', [incidentId, tenant]);
    return rows[0] && Number(rows[0].subjects);
  }

  async notices(tenant: string, after: string, limit: number): Promise<RetentionResult<'incident-notices'>['incidents']> {
    const { rows } = await this.pool.query<IncidentRow & { since: Date; own: string }>(
      `SELECT i.incident_id, i.kind, i.severity, i.detected_at, i.aware_at, i.closed_at, t.since, t.subjects AS own FROM incident_tenants t JOIN incidents i USING (incident_id)
       WHERE t.tenant = $1 AND t.incident_id > $2 ORDER BY t.incident_id LIMIT $3`,
      [tenant, after, limit],
    );
    return rows.map(({ incident_id: incidentId, kind, severity, detected_at, aware_at, closed_at, since, own }) => ({
      incidentId, kind, severity,
      state: closed_at === null ? 'open' : 'closed',
      detectedAt: detected_at.toISOString(), awareAt: aware_at.toISOString(), affectedAt: since.toISOString(),
      subjects: Number(own),
    }));
  }

  /** Open stages of open incidents of which fewer than all alerts were given, those that are due first. */
  async dueFirst(limit: number, alertsAll: number): Promise<OpenStage[]> {
    return (await this.pool.query<OpenStage>(
      `SELECT s.incident_id, s.stage, s.due_at, s.alerts FROM incident_stages s JOIN incidents i USING (incident_id) WHERE s.state = 'open' AND s.alerts < $2 AND i.closed_at IS NULL ORDER BY s.due_at LIMIT $1`,
      [limit, alertsAll],
    )).rows;
  }

  /** What is measured: of each stage when the first one is due and how many are late, how many incidents are open, and how much news waits. */
  async measured(now: Date): Promise<{ readonly stages: readonly { readonly stage: IncidentStageName; readonly due_at: Date; readonly late: string }[]; readonly open: number; readonly news: number; readonly at: Date }> {
    const stages = await this.pool.query<{ stage: IncidentStageName; due_at: Date; late: string }>(
      `SELECT s.stage, min(s.due_at) AS due_at, count(*) FILTER (WHERE s.due_at <= $1) AS late FROM incident_stages s JOIN incidents i USING (incident_id) WHERE s.state = 'open' AND i.closed_at IS NULL GROUP BY s.stage`,
      [now],
    );
    const { rows: [counts] } = await this.pool.query<{ open: string; news: string }>('SELECT (SELECT count(*) FROM incidents WHERE closed_at IS NULL) AS open, (SELECT count(*) FROM incident_news) AS news');
    return { stages: stages.rows, open: Number(counts!.open), news: Number(counts!.news), at: now };
  }
}

function viewOf(row: IncidentRow): IncidentView {
  const { closed_at, next_due_at } = row;
  return {
    incidentId: row.incident_id, kind: row.kind, severity: row.severity, summary: row.summary, source: row.source,
    state: closed_at === null ? 'open' : 'closed',
    detectedAt: row.detected_at.toISOString(), awareAt: row.aware_at.toISOString(), openedAt: row.opened_at.toISOString(),
    ...(closed_at === null ? {} : { closedAt: closed_at.toISOString() }),
    assessment: row.assessment,
    tenants: Number(row.tenants), subjects: Number(row.subjects),
    ...(next_due_at === null || closed_at !== null ? {} : { nextDueAt: next_due_at.toISOString() }),
  };
}

function stageOf(row: StageRow, now: Date): IncidentStageView {
  const { stage, state, because, due_at, settled_at, sent_to, reference, reason, version } = row;
  return {
    stage, state, because,
    law: STAGE_LAWS[stage], isOwnLimit: isOwnLimit(stage),
    dueAt: due_at.toISOString(),
    isLate: row.is_late || (state === 'open' && now >= due_at),
    ...(settled_at === null ? {} : { settledAt: settled_at.toISOString() }),
    ...(sent_to === null ? {} : { sentTo: sent_to }),
    ...(reference === null ? {} : { reference }),
    ...(reason === null ? {} : { reason }),
    ...(version === null ? {} : { version }),
  };
}

const draftOf = ({ stage, version, tenant, text, digest, open_places, made_by, made_at }: DraftRow): Draft => ({ stage, version, ...(tenant === null ? {} : { tenant }), madeBy: made_by, madeAt: made_at.toISOString(), digest, openPlaces: open_places, text });

/** Persons of an organisation that it affects; those that are known already count once. Rejects when the organisation is not affected any more. */
export async function insertSubjects(client: PoolClient, incidentId: string, tenant: string, subjects: readonly string[]): Promise<number> {
  await client.query('SELECT FROM incidents WHERE incident_id = $1 FOR UPDATE', [incidentId]);
  const added = (await client.query('INSERT INTO incident_subjects (incident_id, tenant, subject) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING', [incidentId, tenant, subjects])).rowCount ?? 0;
  await client.query('UPDATE incident_tenants SET subjects = subjects + $3 WHERE incident_id = $1 AND tenant = $2', [incidentId, tenant, added]);
  const { rows } = await client.query<{ subjects: string }>('UPDATE incidents SET subjects = subjects + $2 WHERE incident_id = $1 RETURNING subjects', [incidentId, added]);
  return Number(rows[0]!.subjects);
}
