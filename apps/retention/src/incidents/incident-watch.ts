import type { IncidentStageName } from '@countersign/contracts';
import { alertsCome, INCIDENT_ALERTS_MS } from '@countersign/legal-clock';
import type { Logger } from '@countersign/runtime';
import { Gauge, type Registry } from 'prom-client';
import { STAGE_LAWS } from '../domain/incident-stages.js';
import { bySelf } from '../requests/because.js';
import { changeIncident, type IncidentFlows } from './incident-store.js';
import { tellTenants } from './news.js';

const ROUND_MS = 15_000;
/** Stages looked at in a round, those that are due first. */
const LOOKED_AT_MAX = 1_000;
/** Those of which everything was said are not looked at again. */
const ALERTS_ALL = Math.max(...Object.values(INCIDENT_ALERTS_MS).map(({ length }) => length));

/** Says ahead of time which stages are due, and that one was missed; tells organisations what concerns them. */
export class IncidentWatch {
  #isStopped = true;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #wakeWaits = false;

  constructor(
    private readonly flows: IncidentFlows,
    private readonly log: Pick<Logger, 'warn'>,
  ) {}

  start(): void {
    this.#isStopped = false;
    this.#schedule(0);
  }

  wake(): void {
    this.#wakeWaits = true;
    if (this.#running === undefined) this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(pauseMs: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#wakeWaits = false;
      this.#running = this.look()
        .catch((error: unknown) => {
          this.#wakeWaits = false;
          this.log.warn({ err: error }, 'clocks of incidents cannot be looked at, it is tried again');
        })
        .finally(() => {
          this.#running = undefined;
          this.#schedule(this.#wakeWaits ? 0 : ROUND_MS);
        });
    }, pauseMs);
  }

  async look(): Promise<void> {
    const { incidents } = this.flows;
    const now = this.flows.now();
    for (const { incident_id: incidentId, stage, due_at, alerts: given } of await incidents.dueFirst(LOOKED_AT_MAX, ALERTS_ALL)) {
      const alerts = alertsCome(INCIDENT_ALERTS_MS[stage], due_at.getTime(), now.getTime());
      if (alerts <= given) continue;
      // One incident that cannot be warned of must not silence the others.
      await changeIncident(this.flows, incidentId, { type: 'warn', stage, alerts }, bySelf(incidentId, now)).catch((error: unknown) => this.log.warn({ err: error, incidentId, stage }, 'a stage of an incident cannot be warned of, it is tried again'));
    }
    await tellTenants(this.flows);
  }
}

/** Measured when it is asked for: a loop that stands still must not look like clocks that do. */
export function incidentMetrics({ incidents, now }: Pick<IncidentFlows, 'incidents' | 'now'>, registry: Registry): void {
  const registers = [registry];
  // Of one scrape all are asked for at once: one look at the database serves them.
  let asked: ReturnType<typeof incidents.measured> | undefined;
  const measured = (): ReturnType<typeof incidents.measured> => (asked ??= incidents.measured(now()).finally(() => (asked = undefined)));
  const labelsOf = (stage: IncidentStageName): { stage: string; law: string } => ({ stage, law: STAGE_LAWS[stage] });
  new Gauge({
    name: 'countersign_retention_incident_stage_due_seconds',
    help: 'Until the first open stage of its kind is due; negative: since it was',
    labelNames: ['stage', 'law'], registers,
    async collect() {
      const { stages, at } = await measured();
      this.reset();
      for (const { stage, due_at } of stages) this.set(labelsOf(stage), (due_at.getTime() - at.getTime()) / 1_000);
    },
  });
  new Gauge({
    name: 'countersign_retention_incident_stages_late',
    help: 'Open stages of incidents that are due',
    labelNames: ['stage', 'law'], registers,
    async collect() {
      const { stages } = await measured();
      this.reset();
      for (const { stage, late } of stages) this.set(labelsOf(stage), Number(late));
    },
  });
  new Gauge({ name: 'countersign_retention_incidents_open', help: 'Security incidents that are not closed', registers, async collect() { this.set((await measured()).open); } });
  new Gauge({ name: 'countersign_retention_incident_news_waiting', help: 'What ledgers of affected organisations are still to be told', registers, async collect() { this.set((await measured()).news); } });
}
