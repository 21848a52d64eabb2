import type { BusConnection, Subscription } from '@countersign/bus';
import { integritySubject, verdictSchema } from '@countersign/contracts';
import type { Logger } from '@countersign/runtime';
import { bySelf } from '../requests/because.js';
import { IncidentOpen } from '../store/incident-events.js';
import { keyOf, openIncident, UNASSESSED } from './alerts.js';
import type { IncidentFlows } from './incident-store.js';

const VERDICT_BYTES_MAX = 64 * 1024;
/** Tenants whose verdicts are being worked on; of more the next verdict, seconds later, says the same. */
const AT_ONCE_MAX = 100;
const SUBJECT = integritySubject('*');

/** A ledger that does not verify is an incident of its organisation, opened by nobody's hand. */
export class VerdictWatch {
  #subscription: Subscription | undefined;
  readonly #working = new Map<string, Promise<void>>();

  constructor(
    private readonly flows: IncidentFlows,
    private readonly bus: Pick<BusConnection, 'subscribe'>,
    private readonly log: Pick<Logger, 'warn'>,
  ) {}

  start(): void {
    this.#subscription = this.bus.subscribe(SUBJECT, ({ subject, data }) => this.#heard(subject, data), { onError: (error) => this.log.warn({ err: error }, 'verdicts of ledgers are not heard; the alert path stays') });
  }

  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
    await Promise.all(this.#working.values());
  }

  #heard(subject: string, data: Uint8Array): void {
    const tenant = brokenOf(subject, data);
    if (tenant === undefined || this.#working.has(tenant) || this.#working.size >= AT_ONCE_MAX) return;
    const work = this.#open(tenant)
      .catch((error: unknown) => this.log.warn({ err: error, tenant }, 'an incident for a broken ledger cannot be opened; the next verdict tries again'))
      .finally(() => this.#working.delete(tenant));
    this.#working.set(tenant, work);
  }

  async #open(tenant: string): Promise<void> {
    const key = keyOf('ledger', tenant);
    if ((await this.flows.incidents.openOf(key)) !== undefined) return;
    const now = this.flows.now();
    const incidentId = this.flows.newId();
    const facts = {
      kind: 'ledger-integrity', severity: 'critical', key,
      summary: `the ledger of ${tenant} does not verify`,
      source: { type: 'ledger', name: tenant },
      detectedAtMs: now.getTime(), awareAtMs: now.getTime(),
      assessment: UNASSESSED, tenants: [tenant], timeZone: this.flows.timeZone,
    } as const;
    await openIncident(this.flows, facts, bySelf(incidentId, now), incidentId).catch((error: unknown) => {
      if (!(error instanceof IncidentOpen)) throw error;
    });
  }
}

/** Whose ledger a message says to be broken; undefined: it says no such thing. */
export function brokenOf(subject: string, data: Uint8Array): string | undefined {
  if (data.length > VERDICT_BYTES_MAX) return undefined;
  try {
    const { tenant, verdict } = verdictSchema.parse(JSON.parse(Buffer.from(data).toString('utf8')));
    return verdict === 'broken' && subject === integritySubject(tenant) ? tenant : undefined;
  } catch {
    return undefined;
  }
}
