import type { Logger } from '@countersign/runtime';
import type { ApiKeyRows } from '../store/api-key-rows.js';

/** Uses of this long are written together. */
const GATHER_MS = 1_000;
/** A key's last use is written no more often. */
const WRITE_MS = 60_000;
const KEYS_MAX = 10_000;

/** When keys were last used, told to the database behind the requests' backs. What is lost in a crash is a time. */
export class LastUses {
  readonly #pending = new Map<string, Date>();
  readonly #writtenMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly rows: Pick<ApiKeyRows, 'used'>,
    private readonly log: Pick<Logger, 'warn'>,
  ) {}

  add(keyId: string, at: Date): void {
    const writtenMs = this.#writtenMs.get(keyId) ?? Number.NEGATIVE_INFINITY;
    if (at.getTime() - writtenMs < WRITE_MS || this.#pending.size >= KEYS_MAX) return;
    this.#pending.set(keyId, at);
    this.#timer ??= setTimeout(() => this.#write(), GATHER_MS).unref();
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    this.#write();
    await this.#writing;
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    const uses = new Map(this.#pending);
    this.#pending.clear();
    if (this.#writtenMs.size + uses.size > KEYS_MAX) this.#writtenMs.clear();
    for (const [keyId, at] of uses) this.#writtenMs.set(keyId, at.getTime());
    this.#writing = this.#writing.then(() => this.rows.used(uses)).catch((error: unknown) => this.log.warn({ err: error }, 'last uses of API keys are not written'));
  }
}
