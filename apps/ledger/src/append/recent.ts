import type { Recorded } from './batch.js';

/** Ids committed lately: most retries come within seconds, and finding them here spares the database. */
export class RecentIds {
  private readonly byId = new Map<string, Recorded>();

  constructor(private readonly idsMax: number) {}

  get(eventId: string): Recorded | undefined {
    return this.byId.get(eventId);
  }

  remember(recorded: ReadonlyMap<string, Recorded>): void {
    for (const [id, value] of recorded) this.byId.set(id, value);
    if (this.byId.size <= this.idsMax) return;
    let surplus = this.byId.size - this.idsMax;
    for (const id of this.byId.keys()) {
      if (surplus-- === 0) break;
      this.byId.delete(id);
    }
  }
}
