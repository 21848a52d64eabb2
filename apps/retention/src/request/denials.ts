import { REPORTED_DENIALS, RETENTION_DENIED_EVENT } from '@countersign/contracts';
import { from, type EventStore } from '@countersign/event-store';
import type { Gathering } from '@countersign/request-reply';
import type { Asker } from './asker.js';

/** Refusals that somebody tried more than he may, and not that he made a mistake. */
const DENIALS: ReadonlySet<string> = new Set(REPORTED_DENIALS);

export interface DenialsDependencies {
  readonly store: EventStore;
  readonly tenant: string;
  readonly newId: () => string;
  readonly gathering: Gathering;
}

/** Puts on record who tried what he may not. */
export class Denials {
  constructor(private readonly deps: DenialsDependencies) {}

  /** Rejects when it cannot be put on record. */
  async add({ view, cause, origin }: Asker, operation: string, code: string): Promise<void> {
    if (!DENIALS.has(code)) return;
    const { store, tenant, newId, gathering } = this.deps;
    await gathering.add(`${view.userId} ${operation} ${code}`, async (count) => {
      const denied = { type: RETENTION_DENIED_EVENT, outcome: 'denied' as const, severity: 'warning' as const, data: { operation, code, count } };
      await store.append({ tenant, stream: `denied/${newId()}`, expectedVersion: 0, events: [from(origin, denied)], ...cause });
    });
  }
}
