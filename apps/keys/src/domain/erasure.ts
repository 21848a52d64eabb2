import type { JsonObject } from '@countersign/chain';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';

/** Erasure of one subject: ordered once, carried out once, and repeated by nobody. */

export interface Erasure {
  readonly tenant: string;
  readonly subject: string;
  readonly reason: string;
  readonly requestedAt: string;
  /** Signed note; undefined while the key may still be there. */
  readonly receipt: string | undefined;
}

export type ErasureCommand =
  | { readonly type: 'order'; readonly tenant: string; readonly subject: string; readonly reason: string; readonly at: string }
  | { readonly type: 'complete'; readonly keyId: string | undefined; readonly receipt: string };

export interface ErasureEvent extends DomainEvent {
  readonly data: JsonObject;
}

export const ERASURE_ORDERED = 'keys.subject-key.destruction-ordered';
export const ERASURE_DONE = 'keys.subject-key.destroyed';

export const erasureAggregate = defineAggregate<Erasure | undefined, ErasureCommand, ErasureEvent>({
  name: 'erasure',
  initialState: undefined,
  decide(command, erasure) {
    if (command.type === 'order') {
      if (erasure !== undefined) return [];
      const { tenant, subject, reason, at } = command;
      return [{ type: ERASURE_ORDERED, severity: 'warning', resource: { type: 'subject', id: subject }, data: { tenant, subject, reason, at } }];
    }
    if (erasure === undefined || erasure.receipt !== undefined) return [];
    const { tenant, subject, reason } = erasure;
    const { keyId, receipt } = command;
    return [{ type: ERASURE_DONE, severity: 'warning', resource: { type: 'subject', id: subject }, data: { tenant, subject, reason, receipt, ...(keyId === undefined ? {} : { keyId }) } }];
  },
  evolve(erasure, { type, data }) {
    if (type === ERASURE_ORDERED) {
      const { tenant, subject, reason, at } = data as { tenant: string; subject: string; reason: string; at: string };
      return { tenant, subject, reason, requestedAt: at, receipt: undefined };
    }
    return erasure === undefined ? undefined : { ...erasure, receipt: data['receipt'] as string };
  },
});

/** What a destruction receipt says (docs/spec/keys-api.md, "Destruction receipt"). Ends in a newline. */
export function receiptText(name: string, { tenant, subject, requestedAt }: Pick<Erasure, 'tenant' | 'subject' | 'requestedAt'>, keyId: string | undefined): string {
  return `${name}\ncountersign destruction receipt v1\n${tenant}\n${JSON.stringify(subject)}\n${keyId ?? '-'}\n${requestedAt}\n`;
}
