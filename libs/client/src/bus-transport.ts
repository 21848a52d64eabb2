import { setTimeout as sleep } from 'node:timers/promises';
import { BusError, connectBus, publishIntake, type BusConnection, type BusOptions, type Subscription } from '@countersign/bus';
import type { EmitterTransport, Log } from './transport.js';

const PUBLISH_TIMEOUT_MS = 5_000;
const CONNECT_RETRY_MS_MAX = 2_000;

interface Subscriber {
  readonly subject: string;
  readonly deliver: (body: Uint8Array) => void;
  active: Subscription | undefined;
}

/** NATS for the emitter. The connection may come later: events are spooled from the first moment, bus or no bus. */
class BusTransport implements EmitterTransport {
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #subscribers = new Set<Subscriber>();
  readonly #closing = new AbortController();
  #bus: BusConnection | undefined;
  #stopStatus: () => void = () => undefined;

  constructor(
    readonly log: Log,
    readonly owned: boolean,
  ) {}

  get connected(): boolean {
    return this.#bus?.connected === true;
  }

  attach(bus: BusConnection): void {
    this.#bus = bus;
    this.#stopStatus = bus.onStatus((event) => {
      if (event.type === 'reconnected') this.#tell(true);
      else if (event.type === 'disconnected' || event.type === 'closed') this.#tell(false);
    });
    for (const subscriber of this.#subscribers) this.#start(subscriber, bus);
    this.#tell(true);
  }

  /** Tries until it connects or is closed; a wrong key may be put right without restarting the service. */
  async connect(options: BusOptions): Promise<void> {
    for (let waitMs = 100; !this.#closing.signal.aborted; waitMs = Math.min(waitMs * 2, CONNECT_RETRY_MS_MAX)) {
      try {
        const bus = await connectBus({ firstConnectLimitMs: 0, ...options });
        if (this.#closing.signal.aborted) await bus.close();
        else this.attach(bus);
        return;
      } catch (error) {
        this.log.warn({ err: error }, 'no connection to the bus yet; events wait in the spool');
      }
      await sleep(waitMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
    }
  }

  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async publish(subject: string, body: Uint8Array, traceparents: readonly string[]): Promise<void> {
    if (this.#bus === undefined) throw new BusError('DISCONNECTED', 'no connection to the bus yet');
    await publishIntake(this.#bus, subject, body, { timeoutMs: PUBLISH_TIMEOUT_MS, traceparents });
  }

  subscribe(subject: string, deliver: (body: Uint8Array) => void): () => void {
    const subscriber: Subscriber = { subject, deliver, active: undefined };
    this.#subscribers.add(subscriber);
    if (this.#bus !== undefined) this.#start(subscriber, this.#bus);
    return () => {
      this.#subscribers.delete(subscriber);
      subscriber.active?.unsubscribe();
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#stopStatus();
    if (this.owned) await this.#bus?.close();
  }

  #start(subscriber: Subscriber, bus: BusConnection): void {
    subscriber.active = bus.subscribe(subscriber.subject, (message) => subscriber.deliver(message.data), {
      onError: (error) => this.log.error({ err: error, subject: subscriber.subject }, 'subscription failed: receipts cannot arrive'),
    });
  }

  #tell(connected: boolean): void {
    for (const listener of [...this.#listeners]) listener(connected);
  }
}

/** Uses a connection that somebody else opened and will close. */
export function sharedBusTransport(bus: BusConnection, log: Log): EmitterTransport {
  const transport = new BusTransport(log, false);
  transport.attach(bus);
  return transport;
}

/** Opens a connection of its own, in the background, and keeps trying. */
export function ownBusTransport(options: BusOptions, log: Log): EmitterTransport {
  const transport = new BusTransport(log, true);
  transport.connect(options).catch((error: unknown) => log.error({ err: error }, 'the connection to the bus was given up'));
  return transport;
}
