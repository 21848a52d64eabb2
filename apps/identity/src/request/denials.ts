import { IDENTITY_DENIED_EVENT, REPORTED_DENIALS } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import type { Gathering } from '@countersign/request-reply';
import { from } from '../domain/origin.js';
import type { Asker, Handlers } from './asker.js';

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

  /** `operation`: of identity, or the edge's route. Rejects when it cannot be put on record. */
  async add(asker: Asker, operation: string, code: string): Promise<void> {
    if (asker.signedIn === undefined || !DENIALS.has(code)) return;
    const { cause, origin, signedIn } = asker;
    const { store, tenant, newId, gathering } = this.deps;
    await gathering.add(`${signedIn.session.user_id} ${operation} ${code}`, async (count) => {
      const denied = { type: IDENTITY_DENIED_EVENT, outcome: 'denied' as const, severity: 'warning' as const, data: { operation, code, count } };
      // Where whoever looks after those who act there reads it.
      await store.append({ tenant: signedIn.principal.organization ?? tenant, stream: `denied/${newId()}`, expectedVersion: 0, events: [from(origin, denied)], ...cause });
    });
  }
}

export function denialHandlers(denials: Denials): Pick<Handlers, 'report-denial'> {
  return {
    'report-denial': async ({ route, code }, asker) => {
      await denials.add(asker, route, code);
      return {};
    },
  };
}
