import type { JsonObject } from '@countersign/chain';
import { bySelf } from '../requests/because.js';
import type { IncidentFlows } from './incident-store.js';

const NEWS_AT_ONCE = 500;

interface NewsRow {
  readonly news_id: string;
  readonly incident_id: string;
  readonly tenant: string;
  readonly version: string;
  readonly type: string;
  readonly severity: 'notice' | 'warning';
  readonly data: JsonObject;
}

/**
 * Stores what organisations are to be told as events of their own ledgers, in the order in which it happened. Killed in between, it goes on: what was stored is
 * known by its command id.
 */
export async function tellTenants({ incidents: { pool }, store, now }: IncidentFlows): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<NewsRow>('SELECT news_id, incident_id, tenant, version, type, severity, data FROM incident_news ORDER BY news_id LIMIT $1', [NEWS_AT_ONCE]);
    for (const { news_id, incident_id: incidentId, tenant, version, type, severity, data } of rows) {
      await store.append({
        tenant,
        stream: `incident-notice/${incidentId}`,
        commandId: `incident-news/${incidentId}/${version}`,
        events: [{ type, severity, data, resource: { type: 'incident', id: incidentId } }],
        ...bySelf(incidentId, now()).cause,
      });
      await pool.query('DELETE FROM incident_news WHERE news_id = $1', [news_id]);
    }
    if (rows.length < NEWS_AT_ONCE) return;
  }
}
