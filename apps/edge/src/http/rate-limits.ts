import { RateLimiterMemory, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { EdgeFault } from './edge-fault.js';

/** Requests a minute: of one address, and of one user whatever the address. */
export const LIMITS = {
  /** Whatever guesses: passwords, codes, invitations. Identity counts failures besides. */
  guess: { ip: 30, user: 20 },
  read: { ip: 1_200, user: 600 },
  write: { ip: 300, user: 120 },
  /** Each may carry hundreds. */
  events: { ip: 6_000, user: 3_000 },
  /** API keys that were refused: guesses of a network, and keys that are over. */
  'key-guess': { ip: 20, user: 20 },
  /** Tiles: walking a ledger takes many. */
  tiles: { ip: 12_000, user: 12_000 },
} as const satisfies Readonly<Record<string, { readonly ip: number; readonly user: number }>>;
export type LimitName = keyof typeof LIMITS;

/** The same limits times a factor, never below one request. */
export function scaledLimits(factor: number): Readonly<Record<LimitName, { readonly ip: number; readonly user: number }>> {
  const scaled = (limit: number): number => Math.max(1, Math.round(limit * factor));
  return Object.fromEntries(Object.entries(LIMITS).map(([name, { ip, user }]) => [name, { ip: scaled(ip), user: scaled(user) }])) as Record<LimitName, { ip: number; user: number }>;
}

const WINDOW_SECONDS = 60;

export type MakeLimiter = (name: string, points: number, windowSeconds: number) => RateLimiterAbstract;

const inMemory: MakeLimiter = (keyPrefix, points, duration) => new RateLimiterMemory({ keyPrefix, points, duration });

/** Counts requests by route class, address and user; by default in memory: each edge counts for itself. */
export class RateLimits {
  readonly #limiters = new Map<string, RateLimiterAbstract>();

  constructor(make: MakeLimiter = inMemory, limits: Readonly<Record<LimitName, { readonly ip: number; readonly user: number }>> = LIMITS) {
    for (const [name, { ip, user }] of Object.entries(limits)) {
      this.#limiters.set(`${name}:ip`, make(`${name}:ip`, ip, WINDOW_SECONDS));
      this.#limiters.set(`${name}:user`, make(`${name}:user`, user, WINDOW_SECONDS));
    }
  }

  /** Rejects with EdgeFault RATE_LIMITED. */
  async count(name: LimitName, of: 'ip' | 'user', key: string): Promise<void> {
    try {
      await this.#limiters.get(`${name}:${of}`)!.consume(of === 'ip' ? networkOf(key) : key);
    } catch (error) {
      if (error instanceof RateLimiterRes) throw new EdgeFault('RATE_LIMITED', 'too many requests', { retryAfterMs: Math.max(1, error.msBeforeNext) });
      throw error;
    }
  }

  /** Counts nothing. Rejects with EdgeFault RATE_LIMITED when as much was counted as may be. */
  async requireLeft(name: LimitName, of: 'ip' | 'user', key: string): Promise<void> {
    const limiter = this.#limiters.get(`${name}:${of}`)!;
    const counted = await limiter.get(of === 'ip' ? networkOf(key) : key);
    if (counted !== null && counted.consumedPoints >= limiter.points) throw new EdgeFault('RATE_LIMITED', 'too many requests', { retryAfterMs: Math.max(1, counted.msBeforeNext) });
  }
}

/** An IPv6 subscriber has a /64 at least: counting its addresses one by one would count nothing. */
export function networkOf(ip: string): string {
  if (!ip.includes(':')) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  if (mapped !== null) return mapped[1]!;
  const [head = '', tail] = ip.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0');
  return `${[...groups, ...zeros, ...rest].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
