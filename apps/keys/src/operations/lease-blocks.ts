import { LRUCache } from 'lru-cache';

/** Leases of one key that the database counts as handed out at once. A crash loses the rest of a block: never are more handed out than counted. */
export const LEASES_A_BLOCK = 16;
/** Keys with leases in stock; whose is dropped takes a new block. */
const KEYS_MAX = 200_000;

/** Leases that are counted already and not yet handed out, by key: a known key costs the database a reading only. */
export class LeaseBlocks {
  readonly #left = new LRUCache<string, number>({ max: KEYS_MAX });
  readonly #reserving = new Map<string, Promise<boolean>>();

  /** A block that the database has counted, durably. */
  add(keyId: string, leases = LEASES_A_BLOCK): void {
    this.#left.set(keyId, (this.#left.get(keyId) ?? 0) + leases);
  }

  /** Takes one. False when there is none. */
  take(keyId: string): boolean {
    const left = this.#left.get(keyId) ?? 0;
    if (left === 0) return false;
    this.#left.set(keyId, left - 1);
    return true;
  }

  /**
   * Takes one, after `reserve` has had a block counted where there is none: once for all who wait. With the last of a block
   * the next one is asked for, so that few wait. False when none could be had.
   */
  async takeOrReserve(keyId: string, leases: number, reserve: () => Promise<boolean>): Promise<boolean> {
    while (!this.take(keyId)) if (!(await this.#reserve(keyId, leases, reserve))) return false;
    // Who needs it will ask again, and be told why there is none.
    if (leases > 1 && this.#left.get(keyId) === 0) this.#reserve(keyId, leases, reserve).catch(() => undefined);
    return true;
  }

  #reserve(keyId: string, leases: number, reserve: () => Promise<boolean>): Promise<boolean> {
    let reserving = this.#reserving.get(keyId);
    if (reserving === undefined) {
      reserving = reserve().then((isReserved) => {
        if (isReserved) this.add(keyId, leases);
        return isReserved;
      }).finally(() => this.#reserving.delete(keyId));
      this.#reserving.set(keyId, reserving);
    }
    return reserving;
  }
}
