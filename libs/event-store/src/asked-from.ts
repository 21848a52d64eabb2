import type { DomainEvent } from './aggregate.js';

/** From where somebody caused something. It is about a person: it lies under the key of `subject`. */
export interface AskedFrom {
  readonly subject: string;
  readonly ip: string;
  readonly userAgent: string;
}

/** The event with where it was asked from; without (an operator at the command line, a service by itself) as it is. */
export function from<E extends DomainEvent>(origin: AskedFrom | undefined, event: E): E {
  if (origin === undefined) return event;
  const { subject, ip, userAgent } = origin;
  return { ...event, personal: [...(event.personal ?? []), { subject, data: { ip, userAgent } }] };
}
