import type { PendingMessage } from './settle.js';

/** Messages of one ledger in order of arrival. Its length is bounded by what the bus may have unacknowledged. */
export class MessageQueue {
  private messages: PendingMessage[] = [];
  private first = 0;
  private waiting: (() => void) | undefined;
  private closed = false;
  private eventCount = 0;

  get events(): number {
    return this.eventCount;
  }

  push(message: PendingMessage): void {
    this.messages.push(message);
    this.eventCount += message.admissions.length;
    this.waiting?.();
  }

  unshift(messages: readonly PendingMessage[]): void {
    if (messages.length === 0) return;
    this.messages = [...messages, ...this.messages.slice(this.first)];
    this.first = 0;
    for (const m of messages) this.eventCount += m.admissions.length;
  }

  shift(): PendingMessage | undefined {
    const message = this.messages[this.first];
    if (message === undefined) return undefined;
    this.first += 1;
    this.eventCount -= message.admissions.length;
    if (this.first === this.messages.length) {
      this.messages = [];
      this.first = 0;
    }
    return message;
  }

  takeAll(): readonly PendingMessage[] {
    const rest = this.messages.slice(this.first);
    this.messages = [];
    this.first = 0;
    this.eventCount = 0;
    return rest;
  }

  /** Resolves when a message is there or the queue is closed. */
  async arrival(): Promise<void> {
    if (this.eventCount > 0 || this.closed) return;
    await new Promise<void>((resolve) => (this.waiting = resolve));
    this.waiting = undefined;
  }

  close(): void {
    this.closed = true;
    this.waiting?.();
  }

  /** Ids of the admitted events at the front, of as many messages as hold `eventsMax` events. */
  eventIds(eventsMax: number): string[] {
    const ids: string[] = [];
    for (const message of this.front(eventsMax)) {
      for (const admission of message.admissions) if ('admitted' in admission) ids.push(admission.admitted.event.id);
    }
    return ids;
  }

  hasRedelivered(eventsMax: number): boolean {
    for (const message of this.front(eventsMax)) if (message.redelivered) return true;
    return false;
  }

  private *front(eventsMax: number): Generator<PendingMessage> {
    let events = 0;
    for (let i = this.first; i < this.messages.length && events < eventsMax; i++) {
      const message = this.messages[i]!;
      events += message.admissions.length;
      yield message;
    }
  }
}
