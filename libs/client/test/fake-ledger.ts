import { createHash } from 'node:crypto';
import { admitEvent, ChainFault, type Receipt } from '@countersign/chain';
import { receiptSubject, refusedSubject, type Refusal } from '@countersign/contracts';
import type { EmitterTransport } from '../src/transport.js';

export interface Stored {
  readonly id: string;
  readonly tenant: string;
  readonly sequence: number | undefined;
  readonly json: string;
}

/**
 * A small ledger and bus in one process: admits by the real rules, records every id once, answers with receipts.
 * It can be cut off, go silent, forget what it was sent, and refuse.
 */
export class FakeLedger implements EmitterTransport {
  connected = true;
  /** Publishes fail while set. */
  publishError: Error | undefined;
  /** Messages are confirmed but lost, as when the bus's memory goes. */
  losing = false;
  /** Messages are confirmed and wait, as when the ledger is down. */
  silent = false;
  /** Ids that are refused, with their code. */
  readonly refusing = new Map<string, string>();
  /** Everything that was published, in order, copies included. */
  readonly arrived: Stored[] = [];
  /** What the ledger holds: first arrivals, in order. */
  readonly recorded: Stored[] = [];
  messages = 0;
  /** Messages between the emitter and the bus. */
  underway = 0;
  readonly #receipts = new Map<string, Receipt>();
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

  async publish(subject: string, body: Uint8Array): Promise<void> {
    this.underway++;
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

  /** The bus lost what waits. */
  forget(): void {
    this.#waiting.length = 0;
  }

  /** Says something on a subject of the ledger. */
  say(subject: string, body: string): void {
    for (const deliver of this.#subscribers.get(subject) ?? []) deliver(Buffer.from(body));
  }

  #consume(subject: string, body: Uint8Array): void {
    const [, source, tenant] = subject.split('.') as [string, string, string];
    const recorded: Receipt[] = [];
    const repeated: Receipt[] = [];
    const refusals: Refusal[] = [];
    for (const event of JSON.parse(Buffer.from(body).toString('utf8')) as { id: string; producer?: { sequence: number } }[]) {
      const stored = { id: event.id, tenant, sequence: event.producer?.sequence, json: JSON.stringify(event) };
      this.arrived.push(stored);
      const refusal = this.#refusal(event, source, tenant);
      if (refusal !== undefined) refusals.push(refusal);
      else {
        const known = this.#receipts.get(`${tenant} ${event.id}`);
        if (known !== undefined) repeated.push(known);
        else recorded.push(this.#record(stored));
      }
    }
    if (recorded.length + repeated.length > 0) this.say(receiptSubject(source), JSON.stringify({ recorded, repeated }));
    if (refusals.length > 0) this.say(refusedSubject(source), JSON.stringify({ refusals }));
  }

  #refusal(event: { id: string }, source: string, tenant: string): Refusal | undefined {
    const code = this.refusing.get(event.id);
    if (code !== undefined) return { id: event.id, tenant, code, field: 'data', message: 'refused by the test' };
    try {
      admitEvent(event, { source, tenant });
      return undefined;
    } catch (error) {
      const fault = error as ChainFault;
      return { id: event.id, tenant, code: fault.code, field: fault.detail.field, message: fault.message };
    }
  }

  #record(stored: Stored): Receipt {
    this.recorded.push(stored);
    const receipt = {
      id: stored.id,
      tenant: stored.tenant,
      index: this.#receipts.size,
      eventHash: createHash('sha256').update(stored.json).digest('hex'),
      recordedAt: '2026-01-31T09:30:00.000Z',
    };
    this.#receipts.set(`${stored.tenant} ${stored.id}`, receipt);
    return receipt;
  }
}
