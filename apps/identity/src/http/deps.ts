import type { Registry } from 'prom-client';

export interface Readiness {
  readonly ready: boolean;
  /** What was looked at, and how it is: `ok` or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

export interface HttpDeps {
  readonly metrics: Registry;
  readonly readiness: () => Promise<Readiness>;
}

/** Names {@link HttpDeps} for injection. */
export const HTTP_DEPS = Symbol('HttpDeps');
