import { setTimeout as sleep } from 'node:timers/promises';
import { KEYS_BATCH_MAX, type HeldVersion } from '@countersign/contracts';
import { isPassing, KeyClientError, type Keys } from '@countersign/key-client';
import type { ColumnRows, Search } from './column-rows.js';
import type { RotationMetrics } from './metrics.js';

/** Leases in a row that have no use left: others take them faster than they come, and the next round tries again. */
const EXHAUSTED_MAX = 3;

export interface RotationLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

interface RoundDependencies {
  readonly columns: readonly ColumnRows[];
  readonly keys: Pick<Keys, 'client' | 'fields'>;
  readonly log: RotationLog;
  readonly metrics: RotationMetrics;
  readonly rowsPerSecondMax: number;
  readonly isStopping: () => boolean;
}

/** One look at all columns after the other. What it remembers between them only saves work. */
export class Round {
  /** Ids of keys that encrypt, as far as is known: rows under them are where they should be. */
  readonly #active = new Set<string>();
  /** What the key service was told last, by key id. */
  readonly #told = new Map<string, number>();

  constructor(private readonly deps: RoundDependencies) {}

  /** Rejects with the first failure, after what could be done was done. */
  async run(): Promise<void> {
    const { metrics, isStopping } = this.deps;
    const held = await this.#held();
    const versions = held.filter(({ purpose }) => this.#columnsOf(purpose).length > 0);
    metrics.unattended.reset();
    for (const { purpose } of held) if (this.#columnsOf(purpose).length === 0) metrics.unattended.inc({ purpose });
    const remaining = new Map<string, { readonly purpose: string; readonly version: number; count: number }>();
    metrics.unreadable.reset();
    const failures: unknown[] = [];
    for (const version of versions) {
      if (isStopping()) break;
      this.#active.delete(version.keyId);
      try {
        const count = await this.#rotate(version);
        const name = `${version.purpose} ${version.version}`;
        const sum = remaining.get(name) ?? { purpose: version.purpose, version: version.version, count: 0 };
        sum.count += count;
        remaining.set(name, sum);
      } catch (error) {
        failures.push(error);
        if (error instanceof KeyClientError && isPassing(error.code)) break;
      }
    }
    metrics.remaining.reset();
    for (const { purpose, version, count } of remaining.values()) metrics.remaining.set({ purpose, version }, count);
    if (failures.length > 0) throw failures[0];
  }

  /** Old versions that this service may hold something under: those that the key service waits to hear about, and those that lie here. */
  async #held(): Promise<HeldVersion[]> {
    const { client } = this.deps.keys;
    const lying = new Map<string, string>();
    for (const rows of this.deps.columns) for (const keyId of await rows.keyIds()) if (!this.#active.has(keyId)) lying.set(keyId, rows.column.purpose);
    const found = [...lying.keys()].slice(0, KEYS_BATCH_MAX);
    const held: HeldVersion[] = [];
    for (let after: string | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
      const { result } = await client.ask('held-versions', { found: isFirst ? found : [], ...(after === undefined ? {} : { after }) });
      held.push(...result.versions);
      after = result.next;
    }
    for (const { keyId, state } of held) if (state === 'active') this.#active.add(keyId);
    const known = new Set(held.map(({ keyId }) => keyId));
    for (const keyId of found) if (!known.has(keyId)) await this.#unreadable(lying.get(keyId)!, keyId, 'KEY_UNKNOWN');
    for (const { purpose, keyId, state } of held) if (state === 'destroyed') await this.#unreadable(purpose, keyId, 'KEY_DESTROYED');
    return held.filter(({ state }) => state === 'decrypt-only');
  }

  /** How many rows are left under the version. */
  async #rotate(version: HeldVersion): Promise<number> {
    await this.#reencryptAll(version, 'indexed');
    let startedMs = performance.now();
    let remaining = await this.#count(version, 'indexed');
    if (remaining === 0 && version.isSettled) {
      startedMs = performance.now();
      remaining = await this.#count(version, 'exact');
      if (remaining > 0) {
        await this.#reencryptAll(version, 'exact');
        startedMs = performance.now();
        remaining = await this.#count(version, 'exact');
      }
      // A count of zero that proves something is told even when an earlier zero was.
      if (remaining === 0) this.#told.delete(version.keyId);
    }
    await this.#tell(version, remaining, performance.now() - startedMs);
    return remaining;
  }

  async #tell({ tenant, purpose, version, keyId, isSettled }: HeldVersion, remaining: number, scanMs: number): Promise<void> {
    if (this.#told.get(keyId) === remaining) return;
    await this.deps.keys.client.ask('report-remaining', { tenant, purpose, scanMs: Math.ceil(scanMs), counts: [{ version, remaining }] });
    this.#told.set(keyId, remaining);
    if (remaining === 0 && isSettled) this.#told.delete(keyId);
    this.deps.log.info({ tenant, purpose, version, remaining }, 'rows under an older version of the key');
  }

  async #reencryptAll(version: HeldVersion, search: Search): Promise<void> {
    const { purpose, keyId } = version;
    for (const rows of this.#columnsOf(purpose)) {
      const count = await rows.count(keyId, search);
      if (count === 0) continue;
      try {
        await this.#reencryptColumn(rows, version, search);
      } catch (error) {
        // KEY_VERSION_TOO_OLD and the like: nobody opens these rows, and no version under which they lie is retired.
        if (!(error instanceof KeyClientError) || isPassing(error.code)) throw error;
        this.#note(rows, version.keyId, error.code, count);
      }
    }
  }

  async #reencryptColumn(rows: ColumnRows, version: HeldVersion, search: Search): Promise<void> {
    const { keys, metrics, rowsPerSecondMax, isStopping } = this.deps;
    const { tenant, purpose } = version;
    // What was leased before the rotation is left now, by whoever seals in this process.
    if ((await keys.fields.sealingKey(tenant, purpose)).keyId === version.keyId) await keys.fields.renew(tenant, purpose);
    let after: readonly string[] | undefined;
    for (let exhausted = 0; !isStopping() && exhausted < EXHAUSTED_MAX; ) {
      const startedMs = performance.now();
      const to = await keys.fields.sealingKey(tenant, purpose);
      if (to.keyId === version.keyId) return;
      const from = await keys.fields.openingKey(tenant, purpose, version.keyId);
      const batch = await rows.reencrypt({ tenant, from, to }, search, after);
      for (const [code, count] of batch.faults) this.#note(rows, version.keyId, code, count);
      metrics.reencrypted.inc({ purpose }, batch.written);
      if (batch.read === 0) return;
      if (batch.isExhausted) await keys.fields.renew(tenant, purpose);
      exhausted = batch.isExhausted ? exhausted + 1 : 0;
      after = batch.last;
      await sleep(Math.max(0, (batch.read / rowsPerSecondMax) * 1_000 - (performance.now() - startedMs)));
    }
  }

  async #count({ purpose, keyId }: HeldVersion, search: Search): Promise<number> {
    let sum = 0;
    for (const rows of this.#columnsOf(purpose)) sum += await rows.count(keyId, search);
    return sum;
  }

  async #unreadable(purpose: string, keyId: string, code: string): Promise<void> {
    for (const rows of this.#columnsOf(purpose)) {
      const count = await rows.count(keyId, 'indexed');
      if (count > 0) this.#note(rows, keyId, code, count);
    }
  }

  #note({ column: { purpose, table } }: ColumnRows, keyId: string, code: string, count: number): void {
    this.deps.metrics.unreadable.inc({ purpose, code }, count);
    this.deps.log.warn({ purpose, table, keyId, code, count }, 'rows that cannot be read, and so not be re-encrypted');
  }

  #columnsOf(purpose: string): readonly ColumnRows[] {
    return this.deps.columns.filter(({ column }) => column.purpose === purpose);
  }
}
