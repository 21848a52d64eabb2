import { LRUCache } from 'lru-cache';

/** Leases of one key that the database counts as handed out at once. A crash loses the rest of a block: never are more handed out than counted. */
export const LEASES_A_BLOCK = 16;
/** Keys with leases in stock; whose is dropped takes a new block. */
const KEYS_MAX = 200_000;

/** Leases that are counted already and not yet handed out, by key: a known subject costs the database a reading only. */
export class LeaseBlocks {
  readonly #left = new LRUCache<string, number>({ max: KEYS_MAX });

  /** A block that the database has counted, durably. */
  add(keyId: string): void {
    this.#left.set(keyId, (this.#left.get(keyId) ?? 0) + LEASES_A_BLOCK);
  }

  /** Takes one. False when there is none. */
  take(keyId: string): boolean {
    const left = this.#left.get(keyId) ?? 0;
    if (left === 0) return false;
    this.#left.set(keyId, left - 1);
    return true;
  }
}
