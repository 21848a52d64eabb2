import type { Event } from '@countersign/chain';
import type { VerdictToLedger } from './verdict-store.js';

export const SYSTEM_TENANT = 'system';
export const LEDGER_SOURCE = 'ledger';

/** The event of the system ledger that records a verdict. */
export function verdictEvent({ eventId, verdict }: VerdictToLedger): Event {
  const intact = verdict.verdict === 'intact';
  return {
    id: eventId,
    type: intact ? 'ledger.history.verified' : 'ledger.integrity.broken',
    source: LEDGER_SOURCE,
    tenant: SYSTEM_TENANT,
    time: verdict.finishedAt,
    severity: intact ? 'info' : 'alert',
    outcome: intact ? 'success' : 'failure',
    actor: { type: 'system', id: LEDGER_SOURCE },
    resource: { type: 'ledger', id: verdict.tenant },
    data: verdict,
  };
}
