import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { BusConnection } from './connection.js';

/** One message of the intake. It must be settled once: by ack, ackWithConfirmation, nak or term; later calls do nothing. */
export interface IntakeMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  /** True when it was delivered before, to this or another instance. */
  readonly redelivered: boolean;
  /** 1 at the first delivery. */
  readonly deliveryCount: number;
  readonly streamSequence: number;
  /** Done: the server deletes it. Call after the commit. */
  ack(): void;
  /** The same, resolving true when the server has said that it knows; false when that is not known. */
  ackWithConfirmation(timeoutMs: number): Promise<boolean>;
  /** Deliver again after the delay (0: at once). */
  nak(delayMs: number): void;
  /** Never deliver again: for what was put into quarantine. */
  term(): void;
  /** Still busy: the time until redelivery starts anew. */
  working(): void;
}

/** What a message needs to know of its loop. */
export interface Settlement {
  readonly bus: BusConnection;
  /** Called once, when the message is settled in whatever way. */
  settled(bytes: number): void;
  /** Runs `send` now, or after the stream is known to be the same one again, or never when it is another. */
  deliver(incarnation: number, send: () => void): void;
}

interface DeliveryInfo {
  readonly deliveryCount: number;
  readonly streamSequence: number;
}

// Reply subject of a delivery (NATS ADR-15): $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>,
// or the later form with <domain>.<account hash> after ACK.
function deliveryInfo(reply: string): DeliveryInfo {
  const tokens = reply.split('.');
  const at = tokens.length === 9 ? 4 : 6;
  return { deliveryCount: Number(tokens[at]), streamSequence: Number(tokens[at + 1]) };
}

const NANOS_PER_MS = 1_000_000;

/** Wraps a delivery. `incarnation` says which stream it came from. */
export function intakeMessage(raw: Msg, incarnation: number, loop: Settlement): IntakeMessage {
  const bytes = raw.data.length;
  const info = deliveryInfo(raw.reply ?? '');
  let open = true;
  const settle = (send: () => void): void => {
    if (!open) return;
    open = false;
    loop.deliver(incarnation, send);
    loop.settled(bytes);
  };
  return {
    subject: raw.subject,
    data: raw.data,
    headers: raw.headers,
    redelivered: info.deliveryCount > 1,
    ...info,
    ack: () => settle(() => raw.respond('+ACK')),
    async ackWithConfirmation(timeoutMs) {
      let confirmed = Promise.resolve(false);
      settle(() => {
        confirmed = loop.bus.request(raw.reply ?? '', '+ACK', { timeoutMs }).then(
          () => true,
          () => false,
        );
      });
      return confirmed;
    },
    nak: (delayMs) => settle(() => raw.respond(delayMs > 0 ? `-NAK {"delay":${String(Math.round(delayMs * NANOS_PER_MS))}}` : '-NAK')),
    term: () => settle(() => raw.respond('+TERM')),
    working: () => {
      if (open) loop.deliver(incarnation, () => raw.respond('+WPI'));
    },
  };
}
