import type { Flows } from '../parts.js';
import type { ServiceParts } from '../service-parts.js';
import { IncidentRows } from '../store/incident-rows.js';
import type { IncidentFlows } from './incident-store.js';
import { incidentMetrics, IncidentWatch } from './incident-watch.js';
import { VerdictWatch } from './verdicts.js';

export interface OpenIncidents {
  readonly flows: IncidentFlows;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

/** Incidents with their clocks, their measures, and what opens them by itself. */
export function openIncidents({ bus, log, pool, registry }: ServiceParts, { now, tenant, store, newId, calendar }: Flows): OpenIncidents {
  const wakes = { wake: (): void => undefined };
  const flows: IncidentFlows = { now, tenant, store, newId, incidents: new IncidentRows(pool), timeZone: calendar.timeZone, watch: { wake: () => wakes.wake() } };
  const watch = new IncidentWatch(flows, log);
  wakes.wake = () => watch.wake();
  const verdicts = new VerdictWatch(flows, bus, log);
  incidentMetrics(flows, registry);
  return {
    flows,
    start: () => {
      verdicts.start();
      watch.start();
    },
    stop: () => Promise.all([verdicts.stop(), watch.stop()]).then(() => undefined),
  };
}
