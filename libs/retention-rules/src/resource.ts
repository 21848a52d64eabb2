/** What becomes of a resource: gone, without its personal parts, or unreadable because its key is gone. */
export type Action = 'delete' | 'scrub' | 'shred';

/** From when periods count: a contract from its end, a session from its last use. */
export type ClockStart = 'created' | 'closed' | 'last-used';

/** As its owner registered it. */
export interface ResourceType {
  readonly type: string;
  readonly clock: ClockStart;
  /** What its owner can do to one. */
  readonly actions: readonly Action[];
}

/** Times in milliseconds since 1970. */
export interface Resource {
  /** Whose it is; undefined: the installation's own. */
  readonly organization?: string;
  readonly type: string;
  readonly id: string;
  readonly dataClass: string;
  /** About whom it is. */
  readonly subject?: string;
  readonly createdMs: number;
  /** Of a range of many things: when the first was created, and `createdMs` is when the last was. A hold by time covers it when it may cover one of them. */
  readonly oldestMs?: number;
  readonly closedMs?: number;
  readonly lastUsedMs?: number;
}

/** When the periods of a resource begin; undefined: it is still open. What was never used counts from its beginning. */
export function clockStartOf({ createdMs, closedMs, lastUsedMs }: Resource, clock: ClockStart): number | undefined {
  if (clock === 'created') return createdMs;
  return clock === 'closed' ? closedMs : (lastUsedMs ?? createdMs);
}
