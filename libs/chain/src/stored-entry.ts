/** An entry as some store or file holds it; nothing of it is believed. */
export interface StoredEntry {
  /** The key under which it is stored, if the store has one of its own. */
  readonly leafIndex?: number;
  /** The event id under which it is stored, if the store has a column for it. */
  readonly eventId?: string;
  readonly entry: Buffer;
  /** Stored bytes of the `data` part; null when there is none or it was destroyed. */
  readonly data: Uint8Array | null;
  /** Stored bytes of each `personal` part, null where destroyed. */
  readonly personal: readonly (Uint8Array | null)[];
}
