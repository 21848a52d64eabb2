import type { DomainEvent } from '@countersign/event-store';

/** From where somebody caused something. It is about a person: it lies under the key of `subject`. */
export interface Origin {
  readonly subject: string;
  readonly ip: string;
  readonly userAgent: string;
}

/** The event with its origin; without one (an operator at the command line) as it is. */
export function from<E extends DomainEvent>(origin: Origin | undefined, event: E): E {
  if (origin === undefined) return event;
  const { subject, ip, userAgent } = origin;
  return { ...event, personal: [...(event.personal ?? []), { subject, data: { ip, userAgent } }] };
}

/**
 * Subject of what is known about somebody who has not signed in: one a day, so that an attacker with many addresses does not make
 * as many keys, and erasing one day's strangers erases nobody else.
 * @param now ISO 8601
 */
export function strangerOf(now: string): string {
  return `stranger-${now.slice(0, 10)}`;
}
