import { IDENTITY_DENIED_EVENT, REPORTED_DENIALS } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import type { Logger } from '@countersign/runtime';
import { from } from '../domain/origin.js';
import type { Asker, Handlers } from './asker.js';

/** Refusals that somebody tried more than he may, and not that he made a mistake. */
const DENIALS: ReadonlySet<string> = new Set(REPORTED_DENIALS);
/** The same denial again within this is counted, and put on record as a number. */
const GATHER_MS = 5_000;
/** Different denials being counted; beyond it they are put on record singly. */
const COUNTED_MAX = 10_000;

interface Counted {
  again: number;
  readonly timer: NodeJS.Timeout;
}

export interface DenialsDependencies {
  readonly store: EventStore;
  readonly tenant: string;
  readonly newId: () => string;
  readonly log: Pick<Logger, 'error'>;
}

/** Puts on record who tried what he may not: the first time at once, repeats as a count, so that nobody fills the ledger by trying. */
export class Denials {
  readonly #counted = new Map<string, Counted & { readonly flush: () => Promise<void> }>();

  constructor(private readonly deps: DenialsDependencies) {}

  /** `operation`: of identity, or the edge's route. Rejects when it cannot be put on record. */
  async add(asker: Asker, operation: string, code: string): Promise<void> {
    if (asker.signedIn === undefined || !DENIALS.has(code)) return;
    const name = `${asker.signedIn.session.user_id} ${operation} ${code}`;
    const counted = this.#counted.get(name);
    if (counted !== undefined) {
      counted.again += 1;
      return;
    }
    if (this.#counted.size < COUNTED_MAX) this.#count(name, asker, operation, code);
    await this.#record(asker, operation, code, 1);
  }

  /** Puts on record what was counted. */
  async stop(): Promise<void> {
    await Promise.all([...this.#counted.values()].map(({ flush }) => flush()));
  }

  #count(name: string, asker: Asker, operation: string, code: string): void {
    const flush = async (): Promise<void> => {
      clearTimeout(entry.timer);
      this.#counted.delete(name);
      if (entry.again > 0) await this.#record(asker, operation, code, entry.again);
    };
    const timer = setTimeout(() => {
      flush().catch((error: unknown) => this.deps.log.error({ err: error }, 'denials are not on record'));
    }, GATHER_MS);
    const entry = { again: 0, timer: timer.unref(), flush };
    this.#counted.set(name, entry);
  }

  async #record({ cause, origin }: Asker, operation: string, code: string, count: number): Promise<void> {
    const { store, tenant, newId } = this.deps;
    const denied = { type: IDENTITY_DENIED_EVENT, outcome: 'denied' as const, severity: 'warning' as const, data: { operation, code, count } };
    await store.append({ tenant, stream: `denied/${newId()}`, expectedVersion: 0, events: [from(origin, denied)], ...cause });
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
