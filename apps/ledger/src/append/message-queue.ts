import type { PendingMessage } from './settle.js';

const COMPACT_AFTER = 64;

/** Messages of one ledger in order of arrival. Its length is bounded by what the bus may have unacknowledged. */
export class MessageQueue {
  private messages: PendingMessage[] = [];
  private first = 0;
  private waiting: (() => void) | undefined;
  private closed = false;

  get length(): number {
    return this.messages.length - this.first;
  }

  push(message: PendingMessage): void {
    this.messages.push(message);
    this.waiting?.();
  }

  unshift(messages: readonly PendingMessage[]): void {
    if (messages.length === 0) return;
    this.messages = [...messages, ...this.messages.slice(this.first)];
    this.first = 0;
  }

  shift(): PendingMessage | undefined {
    const message = this.messages[this.first];
    if (message === undefined) return undefined;
    this.first += 1;
    // Under steady load the queue is never empty: what was taken must not stay reachable.
    if (this.first >= COMPACT_AFTER || this.first === this.messages.length) {
      this.messages = this.messages.slice(this.first);
      this.first = 0;
    }
    return message;
  }

  takeAll(): readonly PendingMessage[] {
    const rest = this.messages.slice(this.first);
    this.messages = [];
    this.first = 0;
    return rest;
  }

  /** Resolves when a message is there or the queue is closed. */
  async arrival(): Promise<void> {
    if (this.length > 0 || this.closed) return;
    await new Promise<void>((resolve) => (this.waiting = resolve));
    this.waiting = undefined;
  }

  close(): void {
    this.closed = true;
    this.waiting?.();
  }

  /** The next messages, left in the queue. */
  front(messagesMax: number): readonly PendingMessage[] {
    return this.messages.slice(this.first, this.first + messagesMax);
  }
}
