import type { FieldKey } from '@countersign/envelope';
import { KEYS_BATCH_MAX } from '@countersign/contracts';
import type { KeyClient } from './key-client.js';

/** Keys whose uses wait to be reported; beyond that the interval is cut short. */
const PENDING_KEYS_MAX = 50_000;

interface Counts {
  readonly tenant: string;
  encrypt: number;
  decrypt: number;
}

/** Counts uses of cached keys and reports them, so that each encryption and decryption is in the audit (as a sum). */
export class UseCounter {
  readonly #pending = new Map<string, Counts>();
  readonly #seen = new WeakMap<FieldKey, { sealed: number; opened: number }>();
  #since: string;
  #timer: NodeJS.Timeout | undefined;
  #reporting: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: KeyClient,
    private readonly nowIso: () => string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#since = nowIso();
  }

  /** Reports every `intervalMs` what `live` and dropped keys have done. */
  start(intervalMs: number, live: () => Iterable<readonly [tenant: string, key: FieldKey]>): void {
    this.#timer = setInterval(() => {
      this.report(live()).catch(this.onError);
    }, intervalMs);
    this.#timer.unref();
  }

  /** Takes over what the key has done since it was last looked at. */
  count(tenant: string, key: FieldKey): void {
    const seen = this.#seen.get(key) ?? { sealed: 0, opened: 0 };
    const sealed = key.sealedCount;
    const opened = key.openedCount;
    if (sealed === seen.sealed && opened === seen.opened) return;
    this.#seen.set(key, { sealed, opened });
    const counts = this.#pending.get(key.keyId) ?? { tenant, encrypt: 0, decrypt: 0 };
    counts.encrypt += sealed - seen.sealed;
    counts.decrypt += opened - seen.opened;
    this.#pending.set(key.keyId, counts);
    if (this.#pending.size > PENDING_KEYS_MAX) this.report([]).catch(this.onError);
  }

  /** Reports now. What cannot be reported stays and is reported later. */
  report(live: Iterable<readonly [tenant: string, key: FieldKey]>): Promise<void> {
    for (const [tenant, key] of live) this.count(tenant, key);
    this.#reporting = this.#reporting.catch(() => undefined).then(() => this.#send());
    return this.#reporting;
  }

  async stop(live: Iterable<readonly [tenant: string, key: FieldKey]>): Promise<void> {
    clearInterval(this.#timer);
    await this.report(live);
  }

  async #send(): Promise<void> {
    const since = this.#since;
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.entries()].slice(0, KEYS_BATCH_MAX / 2);
      for (const [keyId] of batch) this.#pending.delete(keyId);
      try {
        await this.client.ask('report-uses', { since, uses: batch.flatMap(([keyId, counts]) => usesOf(keyId, counts)) });
      } catch (error) {
        for (const [keyId, counts] of batch) this.#putBack(keyId, counts);
        throw error;
      }
    }
    this.#since = this.nowIso();
  }

  #putBack(keyId: string, { tenant, encrypt, decrypt }: Counts): void {
    const counts = this.#pending.get(keyId) ?? { tenant, encrypt: 0, decrypt: 0 };
    counts.encrypt += encrypt;
    counts.decrypt += decrypt;
    this.#pending.set(keyId, counts);
  }
}

function usesOf(keyId: string, { tenant, encrypt, decrypt }: Counts) {
  const uses = [
    { tenant, keyId, operation: 'encrypt' as const, count: encrypt },
    { tenant, keyId, operation: 'decrypt' as const, count: decrypt },
  ];
  return uses.filter(({ count }) => count > 0);
}
