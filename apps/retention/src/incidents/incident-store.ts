import type { EventStore, RecordedEvent } from '@countersign/event-store';
import type { PoolClient } from '@countersign/postgres';
import { incidentAggregate, type IncidentChange } from '../domain/incident.js';
import type { Because } from '../requests/because.js';
import { applyIncidentEvents } from '../store/incident-events.js';
import type { IncidentRows } from '../store/incident-rows.js';

/** What incidents stand on. */
export interface IncidentFlows {
  readonly now: () => Date;
  /** The installation's ledger: incidents are its own, affected organisations are told in theirs. */
  readonly tenant: string;
  readonly store: EventStore;
  readonly incidents: IncidentRows;
  readonly newId: () => string;
  /** Where days are counted. */
  readonly timeZone: string;
  /** Told that there is news, and that clocks have changed. */
  readonly watch: { wake(): void };
}

const RETRIES = 5;

/** One change of an incident, with its read tables and what `beside` does in the same transaction; gives the events that say so. */
export async function changeIncident(
  { store, tenant, watch }: IncidentFlows,
  incidentId: string,
  change: IncidentChange,
  { cause, origin, now, command = {}, along }: Because,
  beside?: (client: PoolClient, events: readonly RecordedEvent[]) => Promise<void>,
): Promise<readonly RecordedEvent[]> {
  const { events } = await store.execute(incidentAggregate, {
    tenant,
    id: incidentId,
    command: { ...change, incidentId, nowMs: now.getTime(), origin },
    ...cause,
    ...command,
    retriesMax: RETRIES,
    project: async (client, stored) => {
      await applyIncidentEvents(client, incidentId, tenant, stored);
      await beside?.(client, stored);
      await along?.(client);
    },
  });
  watch.wake();
  return events;
}
