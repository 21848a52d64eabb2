import { APPEND_EVENTS_MAX, type PreparedEvent } from './prepare.js';
import { versionConflict, type EventRows, type StreamName } from './rows.js';

/** Transactions under way at once: with one, who comes just after it began would wait for two flushes of the disk. */
const AT_ONCE_MAX = 2;

interface Waiting extends StreamName {
  readonly event: PreparedEvent;
  readonly stored: () => void;
  readonly failed: (error: unknown) => void;
}

/** Stores new streams. What comes while the others are being committed is committed together. As many wait as callers do. */
export class NewStreams {
  #waiting: Waiting[] = [];
  #underWay = 0;

  constructor(private readonly rows: Pick<EventRows, 'insertFirst'>) {}

  /** Durable on return. Rejects with STREAM_VERSION_CONFLICT when the stream exists. */
  add(name: StreamName, event: PreparedEvent): Promise<void> {
    const settled = new Promise<void>((stored, failed) => this.#waiting.push({ ...name, event, stored, failed }));
    this.#next();
    return settled;
  }

  #next(): void {
    if (this.#underWay >= AT_ONCE_MAX || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, APPEND_EVENTS_MAX);
    this.#underWay++;
    this.rows.insertFirst(batch).then(
      (ids) => batch.forEach(({ event, stored, failed }) => (ids.has(event.id) ? stored() : failed(versionConflict()))),
      (error: unknown) => batch.forEach(({ failed }) => failed(error)),
    ).finally(() => {
      this.#underWay--;
      this.#next();
    });
  }
}
