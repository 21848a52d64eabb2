import { LedgerBook } from '@countersign/devstack';
import type { EmitterTransport } from '../src/transport.js';

/** A bus with a ledger behind it, in this process. It can be cut off, go silent, and lose what it was sent. */
export class FakeLedger extends LedgerBook implements EmitterTransport {
  connected = true;
  /** Publishes fail while set. */
  publishError: Error | undefined;
  /** Messages are confirmed but lost, as when the bus's memory goes. */
  losing = false;
  /** Messages are confirmed and wait, as when the ledger is down. */
  silent = false;
  messages = 0;
  /** Of what was sent, in order. */
  readonly traceparents: string[] = [];
  /** Messages between the emitter and the bus. */
  underway = 0;
  readonly #waiting: { subject: string; body: Uint8Array }[] = [];
  readonly #statusListeners = new Set<(connected: boolean) => void>();
  readonly #subscribers = new Map<string, Set<(body: Uint8Array) => void>>();

  onStatus(listener: (connected: boolean) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  subscribe(subject: string, deliver: (body: Uint8Array) => void): () => void {
    const all = this.#subscribers.get(subject) ?? new Set();
    this.#subscribers.set(subject, all.add(deliver));
    return () => all.delete(deliver);
  }

  async publish(subject: string, body: Uint8Array, traceparents: readonly string[] = []): Promise<void> {
    this.underway++;
    this.traceparents.push(...traceparents);
    await new Promise((resolve) => setImmediate(resolve));
    this.underway--;
    if (!this.connected) throw new Error('DISCONNECTED');
    if (this.publishError !== undefined) throw this.publishError;
    this.messages++;
    if (this.losing) return;
    if (this.silent) this.#waiting.push({ subject, body });
    else setImmediate(() => this.#consume(subject, body));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  disconnect(): void {
    this.connected = false;
    for (const listener of this.#statusListeners) listener(false);
  }

  reconnect(): void {
    this.connected = true;
    for (const listener of this.#statusListeners) listener(true);
  }

  /** The ledger is back and works through what waits. */
  speak(): void {
    this.silent = false;
    for (const { subject, body } of this.#waiting.splice(0)) this.#consume(subject, body);
  }

  /** The ledger is back and takes one waiting message each so many milliseconds. */
  async drip(pauseMs: number): Promise<void> {
    this.silent = false;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#consume(next.subject, next.body);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** The bus lost what waits. */
  forget(): void {
    this.#waiting.length = 0;
  }

  /** Says something on a subject of the ledger. */
  say(subject: string, body: string): void {
    for (const deliver of this.#subscribers.get(subject) ?? []) deliver(Buffer.from(body));
  }

  #consume(subject: string, body: Uint8Array): void {
    for (const answer of this.enter(subject, body)) this.say(answer.subject, answer.body);
  }
}
