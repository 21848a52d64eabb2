import type { Logger } from '@countersign/runtime';
import { HeldSecret, type SecretSource, type SecretStatus } from './held-secret.js';
import { SecretFault } from './secret-fault.js';
import type { Secret } from './secret.js';

const CACHE_MS = 300_000;
const LAST_GOOD_MS_MAX = 86_400_000;
const TICK_MS = 5_000;

export interface SecretsOptions {
  /** By the secret's name. */
  readonly sources: Readonly<Record<string, SecretSource>>;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** How old a value may get while its provider answers; it is read again at 80 % of that. Default 5 minutes. */
  readonly cacheMs?: number;
  /** How much longer it serves while its provider is away. Default 24 hours. */
  readonly lastGoodMsMax?: number;
  /** How often it is looked for values to read again; 0: only when one is asked for. Default 5 s. */
  readonly tickMs?: number;
}

/** Secrets of one service, in memory. Throws SecretFault. */
export interface Secrets {
  /** At most as old as the cache allows; the last good value while the provider is away. */
  get(name: string): Promise<Secret>;
  /** Reads it now, for one who was refused with the value he has. */
  refresh(name: string): Promise<Secret>;
  /** Calls back with each new value until the returned function is called. The caller takes it without a restart. */
  onRotated(name: string, listener: (secret: Secret) => void): () => void;
  status(): readonly SecretStatus[];
  close(): void;
}

/** Opens the secrets; nothing is read until it is asked for. */
export function openSecrets(options: SecretsOptions): Secrets {
  const { sources, now, log } = options;
  const limits = { cacheMs: options.cacheMs ?? CACHE_MS, lastGoodMsMax: options.lastGoodMsMax ?? LAST_GOOD_MS_MAX };
  const held = new Map(Object.entries(sources).map(([name, source]) => [name, new HeldSecret({ name, source, now, log, ...limits })]));
  const one = (name: string): HeldSecret => {
    const secret = held.get(name);
    if (secret === undefined) throw new SecretFault('SECRET_NOT_FOUND', `${name} is not configured`);
    return secret;
  };
  const tickMs = options.tickMs ?? TICK_MS;
  const timer = tickMs === 0 ? undefined : setInterval(() => held.forEach((secret) => secret.refreshAhead()), tickMs).unref();
  return {
    get: async (name) => one(name).get(),
    refresh: async (name) => one(name).refresh(),
    onRotated: (name, listener) => one(name).onRotated(listener),
    status: () => [...held.values()].map((secret) => secret.status()),
    close: () => {
      clearInterval(timer);
      for (const provider of new Set(Object.values(sources).map((source) => source.provider))) provider.close();
    },
  };
}
