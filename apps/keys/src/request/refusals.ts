import type { JsonObject } from '@countersign/chain';
import { KEYS_SYSTEM_TENANT, type KeysFaultCode } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';

export interface Refusal {
  /** As claimed: it may be anybody's who cannot prove who he is. */
  readonly service: string;
  readonly operation: string;
  readonly code: KeysFaultCode;
  readonly tenant: string | undefined;
  readonly purpose: string | undefined;
}

/** Kinds of refusals told apart between two flushes; the rest are counted together. */
const KINDS_MAX = 1_000;
const EVENTS_AT_ONCE = 100;
const OTHERS: Omit<Refusal, 'code'> = { service: 'several', operation: 'several', tenant: undefined, purpose: undefined };

/**
 * Every refusal is an event. The first of its kind is on record before it is answered; the same again, within the
 * interval, is counted: nobody can fill the ledger by being refused.
 */
export class Refusals {
  #counts = new Map<string, { readonly refusal: Refusal; count: number }>();

  constructor(
    private readonly store: EventStore,
    private readonly newId: () => string,
  ) {}

  async add(refusal: Refusal): Promise<void> {
    if (this.count(refusal)) await this.#append([{ refusal, count: 1 }]);
  }

  /** Only counts. True when it is the first of its kind, which then is for the caller to write. */
  count(refusal: Refusal, isWritten = true): boolean {
    const kind = JSON.stringify(refusal);
    const known = this.#counts.get(kind);
    if (known !== undefined) {
      known.count++;
      return false;
    }
    if (this.#counts.size >= KINDS_MAX) {
      const others = { ...OTHERS, code: refusal.code };
      const kinds = this.#counts.get(JSON.stringify(others)) ?? { refusal: others, count: 0 };
      kinds.count++;
      this.#counts.set(JSON.stringify(others), kinds);
      return false;
    }
    this.#counts.set(kind, { refusal, count: isWritten ? 0 : 1 });
    return isWritten;
  }

  /** Writes what was counted since the last time. */
  async flush(): Promise<void> {
    const counted = [...this.#counts.values()].filter(({ count }) => count > 0);
    this.#counts = new Map();
    for (let at = 0; at < counted.length; at += EVENTS_AT_ONCE) await this.#append(counted.slice(at, at + EVENTS_AT_ONCE));
  }

  async #append(counted: readonly { readonly refusal: Refusal; readonly count: number }[]): Promise<void> {
    await this.store.append({
      tenant: KEYS_SYSTEM_TENANT,
      stream: `refusal/${this.newId()}`,
      expectedVersion: 0,
      actor: { type: 'service', id: 'keys' },
      events: counted.map(({ refusal, count }) => ({
        type: 'keys.request.refused',
        severity: 'warning',
        outcome: 'denied',
        resource: { type: 'service', id: refusal.service },
        data: { ...definedOf(refusal), count },
      })),
    });
  }
}

function definedOf(refusal: Refusal): JsonObject {
  return Object.fromEntries(Object.entries(refusal).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
