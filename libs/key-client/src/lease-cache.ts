import { LRUCache } from 'lru-cache';
import { isPassing, KeyClientError } from './key-client-error.js';

/** Of the time, or of the uses: from here on the next lease is fetched while this one still serves. */
const REFRESH_AHEAD = 0.8;

/** Something that may be used for a time. */
export interface Lease<V> {
  readonly value: V;
  /** On the monotonic clock; counted from when it was asked for, and never moved by use. */
  readonly endsAtMs: number;
  /** From here on the next one is fetched. */
  readonly staleAtMs: number;
  /** It has left the cache, and its uses are accounted for: it serves nobody any more. */
  hasLeft: boolean;
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
    this.#leases = new LRUCache({
      max: options.entriesMax,
      dispose: (lease) => {
        lease.hasLeft = true;
        options.dropped(lease.value);
      },
    });
  }

  /** A value that may be used now; undefined when there is none. Leaves open how lately it was used, which {@link fresh} notes. */
  peek(name: string): V | undefined {
    const lease = this.#leases.peek(name);
    if (lease === undefined) return undefined;
    if (this.serves(lease)) return lease.value;
    this.#leases.delete(name);
    return undefined;
  }

  /** Whether a lease that somebody has by {@link freshLease} may still be used. */
  serves({ value, endsAtMs, hasLeft }: Lease<V>): boolean {
    return !hasLeft && endsAtMs > this.options.monotonicMs() && this.options.spent(value) < 1;
  }

  /** A value that may be used now and for which it is not yet time to ask for the next one; undefined when there is none. */
  fresh(name: string): V | undefined {
    return this.freshLease(name)?.value;
  }

  /** The same for who looks it up now and uses it later: ask {@link serves} then. */
  freshLease(name: string): Lease<V> | undefined {
    const lease = this.#leases.get(name);
    return lease === undefined || this.#isStale(lease) ? undefined : lease;
  }

  put(name: string, value: V, askedAtMs: number, ttlMs: number): void {
    this.#leases.set(name, { value, staleAtMs: askedAtMs + ttlMs * REFRESH_AHEAD, endsAtMs: askedAtMs + ttlMs, hasLeft: false });
  }

  /** The cached value, or what `fetch` yields; concurrent callers share one fetch. Slower than {@link fresh}, which may serve first. */
  async get(name: string, fetch: () => Promise<{ readonly value: V; readonly ttlMs: number }>): Promise<V> {
    const known = this.peek(name);
    if (known === undefined) return this.#fetch(name, fetch);
    // Whoever waits gets what is still good; what refuses for good must not be served until its end.
    if (this.fresh(name) === undefined) this.#fetch(name, fetch).catch((error: unknown) => this.#afterRefusal(name, error));
    return known;
  }

  /** Fetches the next one now; the one that is there serves until it has come. */
  renew(name: string, fetch: () => Promise<{ readonly value: V; readonly ttlMs: number }>): Promise<V> {
    return this.#fetch(name, fetch);
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

  #isStale({ value, staleAtMs }: Lease<V>): boolean {
    return this.options.monotonicMs() >= staleAtMs || this.options.spent(value) >= REFRESH_AHEAD;
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
