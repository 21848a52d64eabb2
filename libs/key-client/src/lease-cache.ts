import { LRUCache } from 'lru-cache';
import { isPassing, KeyClientError } from './key-client-error.js';

/** Of the time, or of the uses: from here on the next lease is fetched while this one still serves. */
const REFRESH_AHEAD = 0.8;

/** Something that may be used for a time. */
export interface Lease<V> {
  readonly value: V;
  /** On the monotonic clock; counted from when it was asked for, and never moved by use. */
  readonly endsAtMs: number;
  readonly beganAtMs: number;
}

export interface LeaseCacheOptions<V> {
  readonly entriesMax: number;
  readonly monotonicMs: () => number;
  /** Whether the value has uses left; how much of them is gone, 0 to 1. */
  readonly spent: (value: V) => number;
  /** Called once for each value that leaves. */
  readonly dropped: (value: V) => void;
}

/**
 * Leases by name: absolute end, one fetch at a time for a name, the next one fetched ahead, bounded in number. While the
 * key service is away a lease serves until its end and not a moment longer.
 */
export class LeaseCache<V> {
  readonly #leases: LRUCache<string, Lease<V>>;
  readonly #fetching = new Map<string, Promise<V>>();

  constructor(private readonly options: LeaseCacheOptions<V>) {
    this.#leases = new LRUCache({ max: options.entriesMax, dispose: (lease) => options.dropped(lease.value) });
  }

  /** A value that may be used now; undefined when there is none. */
  peek(name: string): V | undefined {
    const lease = this.#leases.get(name);
    if (lease === undefined) return undefined;
    if (lease.endsAtMs > this.options.monotonicMs() && this.options.spent(lease.value) < 1) return lease.value;
    this.#leases.delete(name);
    return undefined;
  }

  /** Whether it is time to ask for the next one. */
  isStale(name: string): boolean {
    const lease = this.#leases.peek(name);
    if (lease === undefined) return true;
    const age = (this.options.monotonicMs() - lease.beganAtMs) / (lease.endsAtMs - lease.beganAtMs);
    return Math.max(age, this.options.spent(lease.value)) >= REFRESH_AHEAD;
  }

  put(name: string, value: V, askedAtMs: number, ttlMs: number): void {
    this.#leases.set(name, { value, beganAtMs: askedAtMs, endsAtMs: askedAtMs + ttlMs });
  }

  /** The cached value, or what `fetch` yields; concurrent callers share one fetch. */
  async get(name: string, fetch: () => Promise<{ readonly value: V; readonly ttlMs: number }>): Promise<V> {
    const known = this.peek(name);
    if (known === undefined) return this.#fetch(name, fetch);
    // Whoever waits gets what is still good; what refuses for good must not be served until its end.
    if (this.isStale(name)) this.#fetch(name, fetch).catch((error: unknown) => this.#afterRefusal(name, error));
    return known;
  }

  drop(name: string): void {
    this.#leases.delete(name);
  }

  values(): V[] {
    return [...this.#leases.values()].map(({ value }) => value);
  }

  clear(): void {
    this.#leases.clear();
  }

  #fetch(name: string, fetch: () => Promise<{ readonly value: V; readonly ttlMs: number }>): Promise<V> {
    let fetching = this.#fetching.get(name);
    if (fetching === undefined) {
      const askedAtMs = this.options.monotonicMs();
      fetching = fetch()
        .then(({ value, ttlMs }) => {
          this.put(name, value, askedAtMs, ttlMs);
          return value;
        })
        .finally(() => this.#fetching.delete(name));
      this.#fetching.set(name, fetching);
    }
    return fetching;
  }

  #afterRefusal(name: string, error: unknown): void {
    if (error instanceof KeyClientError && isPassing(error.code)) return;
    this.drop(name);
  }
}
