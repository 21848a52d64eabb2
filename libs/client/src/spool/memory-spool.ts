import type { Entry } from '../delivery/lane.js';
import type { Spool } from './spool.js';

/** `durability: 'bus'`: nothing survives the process. */
export class MemorySpool implements Spool {
  lastSequence = 0;
  bytes = 0;

  constructor(readonly bytesMax: number) {}

  hasRoom(bytes: number): boolean {
    return this.bytes + bytes <= this.bytesMax;
  }

  append(entries: readonly Entry[], from: number): Promise<number> {
    for (let at = from; at < entries.length; at++) {
      const entry = entries[at] as Entry;
      this.bytes += entry.bytes;
      if (entry.sequence !== undefined) this.lastSequence = entry.sequence;
    }
    return Promise.resolve(entries.length);
  }

  clear(entry: Entry): void {
    this.bytes -= entry.bytes;
  }

  load(entries: readonly Entry[]): Promise<(string | undefined)[]> {
    return Promise.resolve(entries.map((entry) => entry.json));
  }

  tidy(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
