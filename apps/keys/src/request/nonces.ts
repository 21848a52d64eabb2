import { KEYS_REQUEST_AGE_MS_MAX } from '@countersign/contracts';
import { KeysFault } from '../domain/keys-fault.js';

/** More requests than this in two minutes are refused: forgetting a nonce early would let it be used again. */
const NONCES_MAX = 1_000_000;

/** Nonces that this instance has seen and that are not yet too old to be refused for their age. */
export class Nonces {
  readonly #current = new Set<string>();
  #previous = new Set<string>();
  #turnedAtMs: number;

  constructor(nowMs: number) {
    this.#turnedAtMs = nowMs;
  }

  /** Throws REQUEST_REPLAYED for one that was seen, KEYS_OVERLOADED when there is no room to remember it. */
  use(nonce: string, nowMs: number): void {
    // Valid from a minute before to a minute after the clock: whoever was seen in the last two minutes may come again.
    if (nowMs - this.#turnedAtMs > 2 * KEYS_REQUEST_AGE_MS_MAX) {
      this.#previous = new Set(this.#current);
      this.#current.clear();
      this.#turnedAtMs = nowMs;
    }
    if (this.#current.has(nonce) || this.#previous.has(nonce)) throw new KeysFault('REQUEST_REPLAYED', 'this request was answered before', { field: 'nonce' });
    if (this.#current.size >= NONCES_MAX) throw new KeysFault('KEYS_OVERLOADED', 'too many requests');
    this.#current.add(nonce);
  }
}
